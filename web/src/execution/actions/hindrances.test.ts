import { describe, expect, it } from 'vitest'
import type { ExecutionDetail } from '../../api/types'
import { cancelHindrance, forkHindrance, retryHindrance } from './hindrances'

const execution = (known: Partial<ExecutionDetail>) =>
  ({ mode: 'unary', status: 'RUNNING', compensation: null, ...known }) as ExecutionDetail

describe('what can be done with an execution', () => {
  it('cancels what has not ended', () => {
    expect(cancelHindrance(execution({ status: 'PAUSED_HITL' }))).toBeNull()
    expect(cancelHindrance(execution({ status: 'FAILED' }))).toContain('has ended')
  })

  it('retries what has failed or was cancelled, unless it was undone', () => {
    const undone = { reason: null, steps: [] }
    expect(retryHindrance(execution({ status: 'FAILED' }))).toBeNull()
    expect(retryHindrance(execution({ status: 'COMPLETED' }))).toContain('Only')
    expect(retryHindrance(execution({ status: 'FAILED', compensation: undone }))).toContain(
      'undone',
    )
  })

  it('forks and retries unary executions alone', () => {
    expect(forkHindrance(execution({}))).toBeNull()
    expect(forkHindrance(execution({ mode: 'pipeline' }))).toContain('unary')
    expect(retryHindrance(execution({ mode: 'pipeline', status: 'FAILED' }))).toContain('unary')
  })
})
