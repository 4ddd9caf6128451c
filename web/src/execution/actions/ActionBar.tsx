import type { Artifact, ExecutionDetail } from '../../api/types'

export function ActionBar(_: { execution: ExecutionDetail; artifact: Artifact }) {
  return null
}
