import { Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../api/client'
import type { Artifact, ExecutionDetail } from '../../api/types'
import { RunDialog } from '../../flows/RunDialog'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'

interface RunAgainProps {
  execution: ExecutionDetail
  artifact: Artifact
  onClose: () => void
}

/** Runs the same artifact, with the input of this execution to begin with. */
export function RunAgainDialog({ execution, artifact, onClose }: RunAgainProps) {
  const { data, error, refetch } = useQuery({
    queryKey: ['input', execution.execution_id],
    queryFn: () => api.input(execution.execution_id),
    staleTime: Number.POSITIVE_INFINITY,
    // It may be large: it is not kept for whoever may come back to it.
    gcTime: 0,
  })
  if (data)
    return (
      <RunDialog artifact={artifact} title="Run again" initial={data.input} onClose={onClose} />
    )
  return (
    <Modal opened onClose={onClose} title="Run again" size="lg">
      {error ? <Trouble failure={error} onRetry={() => void refetch()} /> : <Loading />}
    </Modal>
  )
}
