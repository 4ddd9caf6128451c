import type { TabProps } from './props'

/** The branches of an execution. */
export function BranchesTab(_: TabProps) {
  return null
}
