import type { TabProps } from './props'

/** The output of an execution. */
export function OutputTab(_: TabProps) {
  return null
}
