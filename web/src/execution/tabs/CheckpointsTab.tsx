import type { Artifact, ExecutionDetail } from '../../api/types'

interface Props {
  execution: ExecutionDetail
  artifact: Artifact
  onShowNode: (alias: string) => void
}

export function CheckpointsTab(_: Props) {
  return null
}
