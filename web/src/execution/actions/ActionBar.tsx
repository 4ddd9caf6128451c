import { Group } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { GitFork, RefreshCw, RotateCcw, X } from 'lucide-react'
import { useState } from 'react'
import { api } from '../../api/client'
import { sentence } from '../../api/errors'
import type { Artifact, ExecutionDetail } from '../../api/types'
import { CancelDialog } from './CancelDialog'
import { ForkDialog } from './ForkDialog'
import { cancelHindrance, forkHindrance, retryHindrance } from './hindrances'
import { ReasonedButton } from './ReasonedButton'
import { RunAgainDialog } from './RunAgainDialog'

type Dialog = 'cancel' | 'fork' | 'run'

/** What can be done with an execution; what cannot says why. */
export function ActionBar(props: { execution: ExecutionDetail; artifact: Artifact }) {
  const { execution, artifact } = props
  const [dialog, setDialog] = useState<Dialog | null>(null)
  const retry = useRetry(execution.execution_id)
  const close = () => setDialog(null)
  return (
    <Group gap={8} wrap="wrap">
      <ReasonedButton
        reason={null}
        leftSection={<RotateCcw size={14} />}
        onClick={() => setDialog('run')}
      >
        Run again
      </ReasonedButton>
      <ReasonedButton
        reason={retryHindrance(execution)}
        leftSection={<RefreshCw size={14} />}
        loading={retry.isPending}
        onClick={() => retry.mutate()}
      >
        Retry
      </ReasonedButton>
      <ReasonedButton
        reason={forkHindrance(execution)}
        leftSection={<GitFork size={14} />}
        onClick={() => setDialog('fork')}
      >
        Fork
      </ReasonedButton>
      <ReasonedButton
        reason={cancelHindrance(execution)}
        leftSection={<X size={14} />}
        onClick={() => setDialog('cancel')}
      >
        Cancel
      </ReasonedButton>
      {dialog === 'cancel' && <CancelDialog {...{ execution, artifact }} onClose={close} />}
      {dialog === 'fork' && <ForkDialog {...{ execution, artifact }} from={null} onClose={close} />}
      {dialog === 'run' && <RunAgainDialog {...{ execution, artifact }} onClose={close} />}
    </Group>
  )
}

function useRetry(id: string) {
  const navigate = useNavigate()
  return useMutation({
    mutationFn: () => api.retry(id),
    onSuccess: ({ execution_id }) => {
      notifications.show({
        color: 'teal',
        title: 'Retried',
        message: 'This is a new execution: only what failed or was stopped runs again.',
      })
      return navigate({ to: '/executions/$executionId', params: { executionId: execution_id } })
    },
    onError: (failure) =>
      notifications.show({ color: 'red', title: 'It was not retried', message: sentence(failure) }),
  })
}
