import type { Artifact, ExecutionDetail } from '../../api/types'

/** What every tab of an execution's page is given. */
export interface TabProps {
  execution: ExecutionDetail
  artifact: Artifact
  onShowNode: (alias: string) => void
}
