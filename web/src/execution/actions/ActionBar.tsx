import type { Artifact, ExecutionDetail } from '../../api/types'

/** What can be done with an execution. */
export function ActionBar(_: { execution: ExecutionDetail; artifact: Artifact }) {
  return null
}
