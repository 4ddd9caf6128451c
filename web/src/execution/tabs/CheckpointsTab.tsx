import type { TabProps } from './props'

/** The checkpoints of an execution. */
export function CheckpointsTab(_: TabProps) {
  return null
}
