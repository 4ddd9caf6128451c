import { Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { api } from '../../api/client'
import type { Artifact, ExecutionDetail } from '../../api/types'
import { RunDialog } from '../../flows/RunDialog'
import { Loading } from '../../parts/Loading'
import { useHistory } from '../data'
import { checkpointRows } from '../tabs/checkpoints'

interface RunAgainProps {
  execution: ExecutionDetail
  artifact: Artifact
  onClose: () => void
}

/** Runs the same artifact, with the input of this execution to begin with. */
export function RunAgainDialog({ execution, artifact, onClose }: RunAgainProps) {
  const history = useHistory(execution.execution_id)
  const seq = useMemo(
    () =>
      checkpointRows(artifact, history.events).find((row) => row.placement === artifact.entry)?.seq,
    [artifact, history.events],
  )
  const entry = useQuery({
    queryKey: ['checkpoint', execution.execution_id, seq],
    queryFn: () => api.checkpoint(execution.execution_id, seq ?? 0),
    enabled: seq !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const isPending = seq === undefined ? !history.complete && !history.failure : entry.isPending
  if (isPending) {
    return (
      <Modal opened onClose={onClose} title="Run again" size="lg">
        <Loading />
      </Modal>
    )
  }
  const input = entry.data?.input ?? null
  return (
    <RunDialog
      artifact={artifact}
      title="Run again"
      initial={input ?? {}}
      note={
        input === null
          ? 'The input of this execution is not to be had: it is recorded with the first checkpoint of the entry, and there is none with an input.'
          : null
      }
      onClose={onClose}
    />
  )
}
