import { describe, expect, it } from 'vitest'
import { edgeStatusAt, statusAt } from './at'
import { artifact, history } from './history.fixture'
import { replayOf } from './replay'

describe('other ways to run', () => {
  it('a child does the visit of a subflow', () => {
    const replay = replayOf(
      artifact('a>sub'),
      history(
        [0, 'node_child_started', 'sub:1', { execution_id: 'c1' }],
        [40, 'node_completed', 'sub:1'],
      ),
    )
    expect(statusAt(replay, 'sub', 20)).toMatchObject({ status: 'running', child: 'c1' })
    expect(statusAt(replay, 'sub', 40)).toMatchObject({ status: 'completed', ms: 40 })
  })

  it('what is undone says so, and what cannot be stays', () => {
    const replay = replayOf(
      artifact('a>b b>c'),
      history(
        [0, 'node_started', 'a:1'],
        [5, 'node_completed', 'a:1'],
        [6, 'node_started', 'b:1'],
        [9, 'node_completed', 'b:1'],
        [10, 'node_started', 'c:1'],
        [11, 'node_failed', 'c:1', { message: 'no' }],
        [11, 'compensation_begun', '', { status: 'FAILED' }],
        [12, 'compensation_started', 'b:1'],
        [20, 'compensation_completed', 'b:1'],
        [21, 'compensation_started', 'a:1'],
        [30, 'compensation_failed', 'a:1', { message: 'gone' }],
        [30, 'execution_failed'],
      ),
    )
    expect([11, 12, 20].map((t) => statusAt(replay, 'b', t).status)).toEqual([
      'completed',
      'undoing',
      'undone',
    ])
    expect(statusAt(replay, 'a', 30)).toMatchObject({ status: 'kept', message: 'gone' })
    expect(statusAt(replay, 'c', 30).status).toBe('failed')
  })

  it('frames of a pipeline are on their way while both ends run', () => {
    const replay = replayOf(
      artifact('words>shout', [], 'pipeline'),
      history(
        [0, 'node_started', 'words:1'],
        [1, 'node_started', 'shout:1'],
        [50, 'node_completed', 'words:1', { frames: 20 }],
        [50, 'edge_taken', 'words>shout'],
        [60, 'node_completed', 'shout:1', { frames: 20 }],
        [60, 'execution_completed'],
      ),
    )
    const edge = (t: number) => edgeStatusAt(replay, 'words', 'shout', t).status
    expect([0, 20, 55, 60].map(edge)).toEqual(['idle', 'flowing', 'flowing', 'taken'])
  })

  it('a debugger holds a visit until it is told to go on', () => {
    const replay = replayOf(
      artifact('a>b'),
      history([0, 'debug_held', 'a'], [100, 'debug_stepped', 'a'], [101, 'node_started', 'a:1']),
    )
    expect([0, 100, 101].map((t) => statusAt(replay, 'a', t).status)).toEqual([
      'held',
      'due',
      'running',
    ])
  })

  it('nobody can tell whether a visit has happened until a person says', () => {
    const replay = replayOf(
      artifact('a>b'),
      history(
        [0, 'node_started', 'a:1'],
        [10, 'node_in_doubt', 'a:1', { reason: 'killed by SIGKILL' }],
        [99, 'node_settled', 'a', { happened: true, comment: 'seen' }],
      ),
    )
    expect([10, 99].map((t) => statusAt(replay, 'a', t).status)).toEqual(['doubt', 'completed'])
  })
})

describe('an XOR gate', () => {
  it('is not filled again by an arm that comes too late', () => {
    const replay = replayOf(
      artifact('a>out b>out', ['out']),
      history(
        [0, 'gate_arrived', 'out', { from: 'a', to: 'out' }],
        [0, 'gate_opened', 'out'],
        [1, 'node_started', 'out:1'],
        [5, 'gate_arrived', 'out#2', { from: 'b', to: 'out', late: true }],
        [9, 'node_completed', 'out:1'],
        [9, 'execution_completed'],
      ),
    )
    expect(statusAt(replay, 'out', 5)).toMatchObject({ status: 'running', iteration: 1 })
    expect(statusAt(replay, 'out', 9)).toMatchObject({ status: 'completed', iteration: 1 })
  })
})
