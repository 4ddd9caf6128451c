import type { Status } from '../api/types'

/** What people call each status. */
export const LABELS: Record<Status, string> = {
  QUEUED: 'Queued',
  RUNNING: 'Running',
  PAUSED_HITL: 'Paused (HITL)',
  WAITING_ON_GATE: 'Waiting on gate',
  DEBUG_PAUSED: 'Debug paused',
  COMPENSATING: 'Compensating',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
}

/** Whether nothing more happens to an execution of this status. */
export function ended(status: Status): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED'
}

/** The name of a status's colour: `--ax-…`, `--ax-…-soft` and `--ax-…-text`. */
export function colour(status: Status): string {
  return `--ax-${status.toLowerCase().replaceAll('_', '-')}`
}
