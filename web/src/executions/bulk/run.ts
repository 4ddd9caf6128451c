import { api } from '../../api/client'
import { sentence } from '../../api/errors'
import type { Execution } from '../../api/types'
import { ended, LABELS } from '../../app/statuses'

export type Action = 'cancel' | 'retry'

export interface Result {
  id: string
  good: boolean
  words: string
  /** The execution that a retry has begun. */
  begun?: string
}

const SIDE_BY_SIDE = 4

/** Whether that can be done to an execution in this state. */
export function fits(action: Action, execution: Execution): boolean {
  if (action === 'cancel') return !ended(execution.status)
  return execution.status === 'FAILED' || execution.status === 'CANCELLED'
}

/** Does it to each, a few side by side; tells each result when it is there. Never throws. */
export async function runAll(
  action: Action,
  ids: readonly string[],
  onResult: (result: Result) => void,
  stopped: () => boolean,
): Promise<void> {
  const waiting = [...ids]
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined && !stopped(); id = waiting.shift()) {
      onResult(await runOne(action, id))
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work))
}

async function runOne(action: Action, id: string): Promise<Result> {
  try {
    return action === 'cancel' ? await cancelled(id) : await retried(id)
  } catch (failure) {
    return { id, good: false, words: sentence(failure) }
  }
}

async function cancelled(id: string): Promise<Result> {
  const { status, stopped } = await api.cancel(id)
  const ms = Math.max(0, ...stopped.map((one) => one.ms))
  const nodes = stopped.length === 1 ? '1 node' : `${stopped.length} nodes`
  const words = stopped.length > 0 ? `, ${nodes} stopped in ${Math.round(ms)} ms` : ''
  return { id, good: true, words: LABELS[status] + words }
}

async function retried(id: string): Promise<Result> {
  const { execution_id } = await api.retry(id)
  return { id, good: true, words: 'Goes on as', begun: execution_id }
}
