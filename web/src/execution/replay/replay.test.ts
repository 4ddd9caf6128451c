import { describe, expect, it } from 'vitest'
import { edgeStatusAt, nextOffset, previousOffset, statusAt } from './at'
import { artifact, history } from './history.fixture'
import { parsePosition } from './position'
import { Replay, replayOf } from './replay'

const DIAMOND = artifact('in>left in>right left>out right>out', ['out'])

const PLAIN = history(
  [0, 'execution_accepted'],
  [0, 'execution_claimed'],
  [2, 'node_started', 'in:1'],
  [80, 'node_completed', 'in:1', { output_bytes: 6 }],
  [80, 'edge_taken', 'in>left'],
  [80, 'edge_taken', 'in>right'],
  [82, 'node_started', 'left:1'],
  [83, 'node_started', 'right:1'],
  [200, 'node_completed', 'left:1', { output_bytes: 6 }],
  [200, 'edge_taken', 'left>out'],
  [200, 'gate_arrived', 'out', { from: 'left', to: 'out' }],
  [500, 'node_completed', 'right:1', { output_bytes: 6 }],
  [500, 'edge_taken', 'right>out'],
  [500, 'gate_arrived', 'out', { from: 'right', to: 'out' }],
  [500, 'gate_opened', 'out'],
  [502, 'node_started', 'out:1'],
  [520, 'node_completed', 'out:1', { output_bytes: 6 }],
  [520, 'execution_completed'],
)

describe('a diamond', () => {
  const replay = replayOf(DIAMOND, PLAIN)
  const status = (alias: string, t: number) => statusAt(replay, alias, t).status
  const edge = (from: string, to: string, t: number) => edgeStatusAt(replay, from, to, t).status

  it('shows what ran at each time', () => {
    expect([0, 2, 79, 80].map((t) => status('in', t))).toEqual([
      'idle',
      'running',
      'running',
      'completed',
    ])
    expect(status('left', 90)).toBe('running')
    expect(status('right', 300)).toBe('running')
    expect(status('left', 300)).toBe('completed')
  })

  it('shows that a gate waits for its arms from the first one on', () => {
    expect([199, 200, 499, 500, 502, 520].map((t) => status('out', t))).toEqual([
      'idle',
      'waiting',
      'waiting',
      'due',
      'running',
      'completed',
    ])
    expect(replay.visits.get('out')?.waits).toEqual([
      { kind: 'gate', start: 200, end: 500, note: null },
    ])
  })

  it('has a message in flight until the visit that it leads to is over', () => {
    expect(edge('in', 'right', 79)).toBe('idle')
    expect(edge('in', 'right', 81)).toBe('flowing')
    expect(edge('in', 'right', 499)).toBe('flowing')
    expect(edge('in', 'right', 500)).toBe('taken')
    expect(edge('left', 'out', 300)).toBe('taken')
  })

  it('tells how long the last call took', () => {
    expect(statusAt(replay, 'in', 520)).toMatchObject({ ms: 78, attempts: 1 })
    expect(statusAt(replay, 'in', 50).ms).toBeNull()
  })

  it('steps from one time at which something happened to the next', () => {
    expect(nextOffset(replay, 0)).toBe(2)
    expect(nextOffset(replay, 100)).toBe(200)
    expect(nextOffset(replay, 520)).toBe(520)
    expect(previousOffset(replay, 200)).toBe(83)
    expect(previousOffset(replay, 199)).toBe(83)
    expect(previousOffset(replay, 0)).toBe(0)
  })

  it('is the same whether its history came at once or line by line', () => {
    const slow = new Replay(DIAMOND)
    for (const event of PLAIN) slow.apply([event])
    for (let t = 0; t <= 520; t += 10)
      for (const { alias } of DIAMOND.nodes)
        expect(statusAt(slow, alias, t)).toEqual(statusAt(replay, alias, t))
    expect(slow.busy).toEqual(replay.busy)
  })
})

describe('calls that do not complete', () => {
  const chain = artifact('a>b')

  it('are tried again after a failure', () => {
    const replay = replayOf(
      chain,
      history(
        [0, 'execution_accepted'],
        [10, 'node_started', 'a:1'],
        [50, 'node_failed', 'a:1', { kind: 'NODE_ERROR', message: 'away' }],
        [50, 'node_retry_scheduled', 'a:1', { due_at: '2026-11-24T12:00:00.150Z' }],
        [150, 'node_started', 'a:2'],
        [180, 'node_completed', 'a:2'],
      ),
    )
    expect(statusAt(replay, 'a', 49)).toMatchObject({ status: 'running', attempts: 1 })
    expect(statusAt(replay, 'a', 50)).toMatchObject({ status: 'retrying', message: 'away' })
    expect(statusAt(replay, 'a', 150)).toMatchObject({ status: 'running', attempts: 2 })
    expect(statusAt(replay, 'a', 180)).toMatchObject({ status: 'completed', message: null })
    expect(replay.visits.get('a')?.waits).toEqual([
      { kind: 'retry', start: 50, end: 150, note: null },
    ])
  })

  it('are lost with their process, and with the box', () => {
    const replay = replayOf(
      chain,
      history(
        [0, 'execution_accepted'],
        [10, 'node_started', 'a:1'],
        [40, 'node_lost', 'a:1', { reason: 'killed by SIGKILL' }],
        [50, 'node_started', 'a:2'],
        [900, 'execution_requeued', '', { reason: 'the box was started again' }],
        [910, 'execution_claimed'],
        [920, 'node_started', 'a:3'],
        [990, 'node_completed', 'a:3'],
      ),
    )
    expect(statusAt(replay, 'a', 45).status).toBe('lost')
    expect(statusAt(replay, 'a', 900).status).toBe('lost')
    expect(replay.losses).toEqual([40, 900])
    expect(replay.visits.get('a')?.calls.map((call) => call.outcome)).toEqual([
      'lost',
      'lost',
      'completed',
    ])
  })

  it('are stopped when the execution is cancelled', () => {
    const cut = PLAIN.slice(0, 11)
    const cancelled = history([350, 'execution_cancelled']).map((event) => ({ ...event, seq: 11 }))
    const replay = replayOf(DIAMOND, [...cut, ...cancelled])
    expect(statusAt(replay, 'right', 349).status).toBe('running')
    expect(statusAt(replay, 'right', 350).status).toBe('stopped')
    expect(statusAt(replay, 'out', 350).status).toBe('stopped')
    expect(statusAt(replay, 'left', 350).status).toBe('completed')
    expect(replay.ended).toBe(true)
    expect(edgeStatusAt(replay, 'in', 'right', 350).status).toBe('taken')
  })
})

describe('a loop', () => {
  const replay = replayOf(
    artifact('draft>review review^draft review>publish'),
    history(
      [0, 'execution_accepted'],
      [1, 'node_started', 'draft:1'],
      [10, 'node_completed', 'draft:1'],
      [10, 'edge_taken', 'draft>review'],
      [11, 'node_started', 'review:1'],
      [20, 'node_completed', 'review:1'],
      [20, 'edge_taken', 'review>draft'],
      [21, 'node_started', 'draft#2:1'],
      [30, 'node_completed', 'draft#2:1'],
      [30, 'edge_taken', 'draft#2>review'],
      [31, 'node_started', 'review#2:1'],
      [40, 'node_completed', 'review#2:1'],
      [40, 'edge_taken', 'review#2>publish'],
    ),
  )

  it('begins everything anew that comes after its destination', () => {
    expect(statusAt(replay, 'review', 19)).toMatchObject({ status: 'running', iteration: 1 })
    expect(statusAt(replay, 'review', 25).status).toBe('idle')
    expect(statusAt(replay, 'draft', 25)).toMatchObject({ status: 'running', iteration: 2 })
    expect(edgeStatusAt(replay, 'draft', 'review', 25).status).toBe('idle')
  })

  it('counts how often an edge was taken', () => {
    expect(edgeStatusAt(replay, 'draft', 'review', 40)).toMatchObject({ status: 'taken', times: 2 })
    expect(edgeStatusAt(replay, 'review', 'draft', 25).status).toBe('flowing')
    expect(edgeStatusAt(replay, 'review', 'draft', 40).status).toBe('taken')
  })
})

describe('a fan-out', () => {
  const flow = artifact('split>pack pack>gather', ['gather'])
  const replay = replayOf(
    flow,
    history(
      [0, 'node_started', 'split:1'],
      [5, 'node_completed', 'split:1'],
      [5, 'edge_taken', 'split>pack'],
      [5, 'node_fanned_out', 'pack', { items: 3 }],
      [5, 'node_item', 'pack[0]'],
      [5, 'node_item', 'pack[1]'],
      [5, 'node_item', 'pack[2]'],
      [6, 'node_started', 'pack[0]:1'],
      [6, 'node_started', 'pack[1]:1'],
      [20, 'node_completed', 'pack[0]:1'],
      [20, 'edge_taken', 'pack[0]>gather'],
      [20, 'gate_arrived', 'gather', { from: 'pack', to: 'gather' }],
      [22, 'node_failed', 'pack[1]:1', { message: 'no' }],
      [23, 'node_started', 'pack[2]:1'],
    ),
  )

  it('counts its items', () => {
    expect(statusAt(replay, 'pack', 5)).toMatchObject({
      status: 'due',
      items: { total: 3, done: 0, running: 0, failed: 0 },
    })
    expect(statusAt(replay, 'pack', 21)).toMatchObject({
      status: 'running',
      items: { total: 3, done: 1, running: 1, failed: 0 },
    })
    expect(statusAt(replay, 'pack', 23).items).toEqual({ total: 3, done: 1, running: 1, failed: 1 })
    expect(statusAt(replay, 'gather', 23).status).toBe('waiting')
  })

  it('is done at once without any items', () => {
    const none = replayOf(flow, history([0, 'node_fanned_out', 'pack', { items: 0 }]))
    expect(statusAt(none, 'pack', 0).status).toBe('completed')
  })
})

describe('a pause', () => {
  const flow = artifact('ask>pay pay>end pay!rescue rescue>end', ['end'])
  const opened = history(
    [0, 'node_started', 'ask:1'],
    [5, 'node_completed', 'ask:1'],
    [5, 'edge_taken', 'ask>pay'],
    [6, 'pause_opened', 'pay', { pause_id: 'p' }],
    [6, 'execution_parked'],
  )
  const after = (...lines: Parameters<typeof history>) =>
    replayOf(flow, [...opened, ...history(...lines)])

  it('holds the visit until somebody answers', () => {
    const replay = after(
      [9_000, 'pause_resumed', 'pay', { by: 'ada' }],
      [9_002, 'execution_claimed'],
      [9_004, 'node_started', 'pay:1'],
    )
    expect(statusAt(replay, 'pay', 4_000).status).toBe('paused')
    expect(statusAt(replay, 'pay', 9_001).status).toBe('due')
    expect(replay.visits.get('pay')?.waits).toEqual([
      { kind: 'pause', start: 6, end: 9_000, note: 'ada' },
    ])
    expect(replay.parked).toEqual([{ start: 6, end: 9_002 }])
  })

  it('that is rejected fails the visit, and what is not reached is not taken', () => {
    const replay = after(
      [100, 'pause_rejected', 'pay', { by: 'ada', message: 'rejected by ada' }],
      [101, 'node_failed', 'pay', { kind: 'REJECTED', message: 'rejected by ada' }],
      [101, 'edge_taken', 'pay>rescue'],
      [101, 'edge_not_taken', 'pay>end'],
      [102, 'node_started', 'rescue:1'],
    )
    expect(statusAt(replay, 'pay', 101)).toMatchObject({
      status: 'failed',
      message: 'rejected by ada',
    })
    expect(edgeStatusAt(replay, 'pay', 'end', 101).status).toBe('not_taken')
    expect(statusAt(replay, 'end', 101).status).toBe('idle')
    expect(edgeStatusAt(replay, 'pay', 'rescue', 102).status).toBe('flowing')
  })

  it('whose time runs out goes on, or fails, by its policy', () => {
    const goesOn = after([50, 'pause_expired', 'pay', { policy: 'CONTINUE' }])
    expect(statusAt(goesOn, 'pay', 50).status).toBe('due')
    const fails = after([50, 'pause_expired', 'pay', { policy: 'FAIL', message: 'nobody' }])
    expect(statusAt(fails, 'pay', 50)).toMatchObject({ status: 'failed', message: 'nobody' })
  })
})

describe('a position', () => {
  it('is an alias, an iteration and items', () => {
    expect(parsePosition('a')).toEqual({ alias: 'a', iteration: 1, items: [] })
    expect(parsePosition('a-b#12')).toEqual({ alias: 'a-b', iteration: 12, items: [] })
    expect(parsePosition('a#2[3][0]')).toEqual({ alias: 'a', iteration: 2, items: [3, 0] })
  })
})
