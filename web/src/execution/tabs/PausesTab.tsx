import type { TabProps } from './props'

/** The pauses of an execution. */
export function PausesTab(_: TabProps) {
  return null
}
