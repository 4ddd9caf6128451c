/** How things stood at a time: pure functions of the replay. */
import { lastUntil, stateAt } from './changes'
import type { Replay } from './replay'
import { type EdgeState, edgeKey, IDLE_EDGE, IDLE_NODE, type NodeState, type Visit } from './types'

const ON_ITS_WAY: readonly string[] = ['idle', 'due', 'running', 'retrying', 'lost']

export function statusAt(replay: Replay, alias: string, t: number): NodeState {
  return stateAt(replay.tracks.get(alias)?.changes ?? [], t) ?? IDLE_NODE
}

/** A message is in flight until the visit that it leads to is over. */
export function edgeStatusAt(replay: Replay, from: string, to: string, t: number): EdgeState {
  const state = stateAt(replay.edges.get(edgeKey(from, to)) ?? [], t) ?? IDLE_EDGE
  if (isOver(replay, t)) return state
  const next = statusAt(replay, to, t).status
  // In a pipeline frames are on their way while both ends run, long before the edge is done.
  const streams = replay.artifact.mode === 'pipeline' && next === 'running'
  const flows = streams || (state.status === 'taken' && ON_ITS_WAY.includes(next))
  return flows ? { ...state, status: 'flowing' } : state
}

export function isOver(replay: Replay, t: number): boolean {
  return replay.ended && t >= replay.end
}

export function statesAt(replay: Replay, t: number): Map<string, NodeState> {
  const { nodes } = replay.artifact
  return new Map(nodes.map(({ alias }) => [alias, statusAt(replay, alias, t)]))
}

export function edgeStatesAt(replay: Replay, t: number): Map<string, EdgeState> {
  const { edges } = replay.artifact
  return new Map(
    edges.map(({ from, to }) => [edgeKey(from, to), edgeStatusAt(replay, from, to, t)]),
  )
}

/** The next time at which something happened; the end of history if nothing did. */
export function nextOffset(replay: Replay, t: number): number {
  const index = lastUntil(replay.offsets, t, (offset) => offset)
  return replay.offsets[index + 1] ?? replay.end
}

export function previousOffset(replay: Replay, t: number): number {
  let index = lastUntil(replay.offsets, t, (offset) => offset)
  if (replay.offsets[index] === t) index -= 1
  return replay.offsets[index] ?? 0
}

export function visitsOf(replay: Replay, alias: string): readonly Visit[] {
  return replay.tracks.get(alias)?.visits ?? []
}
