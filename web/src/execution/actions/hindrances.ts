/** Why something cannot be done with an execution now; null if it can. */
import type { Execution, ExecutionDetail } from '../../api/types'
import { ended } from '../../app/statuses'

export function cancelHindrance({ status }: Execution): string | null {
  return ended(status) ? 'It has ended: there is nothing to cancel.' : null
}

export function retryHindrance({ mode, status, compensation }: ExecutionDetail): string | null {
  if (mode === 'pipeline') return 'Only unary executions can be retried.'
  if (compensation !== null) return 'What it has done was undone: run it again instead.'
  if (status === 'FAILED' || status === 'CANCELLED') return null
  return 'Only what has failed or was cancelled can be retried.'
}

export function forkHindrance({ mode }: Execution): string | null {
  return mode === 'pipeline' ? 'Only unary executions can be forked.' : null
}
