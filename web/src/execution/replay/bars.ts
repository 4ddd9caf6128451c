/** The gantt's rows: what each placement did when, stacked where visits overlap. */
import type { Replay } from './replay'
import type { Outcome, Visit, WaitKind } from './types'

export interface Bar {
  kind: 'call' | 'undo' | WaitKind
  outcome: Outcome | null
  start: number
  end: number | null
  position: string
  attempt: number
  /** Whether the visit was called more than once, so that the number says something. */
  again: boolean
  message: string | null
  lane: number
}

export interface Load {
  t: number
  /** Calls in flight from then on. */
  count: number
}

export interface Row {
  alias: string
  bars: readonly Bar[]
  lanes: number
  visits: number
  /** Where too many overlap to be drawn one by one: how many were in flight. */
  load: readonly Load[] | null
  most: number
}

const LANES_MOST = 6
const BARS_MOST = 400

/** A row for each placement that did anything, in the order of the first. */
export function rowsOf(replay: Replay): Row[] {
  const rows: Row[] = []
  for (const node of replay.artifact.nodes) {
    const visits = replay.tracks.get(node.alias)?.visits ?? []
    const bars = visits.flatMap(barsOf).sort((a, b) => a.start - b.start)
    if (bars.length > 0) rows.push(row(node.alias, visits, bars))
  }
  return rows.sort((a, b) => (a.bars[0]?.start ?? 0) - (b.bars[0]?.start ?? 0))
}

function barsOf(visit: Visit): Bar[] {
  const again = visit.calls.filter((call) => !call.undoes).length > 1
  const base = { position: visit.position, lane: 0 }
  const calls = visit.calls.map(
    (call): Bar => ({
      ...base,
      kind: call.undoes ? 'undo' : 'call',
      outcome: call.outcome,
      start: call.start,
      end: call.end,
      attempt: call.attempt,
      again,
      message: call.message,
    }),
  )
  const waits = visit.waits
    .filter((wait) => wait.end === null || wait.end > wait.start)
    .map(
      (wait): Bar => ({
        ...base,
        kind: wait.kind,
        outcome: null,
        start: wait.start,
        end: wait.end,
        attempt: 0,
        again: false,
        message: wait.note,
      }),
    )
  return [...calls, ...waits]
}

function row(alias: string, visits: readonly Visit[], bars: Bar[]): Row {
  const many = bars.length > BARS_MOST
  const lanes = many ? LANES_MOST + 1 : stack(bars)
  const counted = lanes > LANES_MOST
  const load = counted ? loadOf(bars) : null
  const most = load?.reduce((most, one) => Math.max(most, one.count), 0) ?? lanes
  return { alias, bars, lanes: counted ? 2 : lanes, visits: visits.length, load, most }
}

/** Give each bar the first lane that is free; how many lanes there are. */
function stack(bars: readonly Bar[]): number {
  const free: number[] = []
  for (const bar of bars) {
    let lane = free.findIndex((until) => until <= bar.start)
    if (lane < 0) lane = free.length
    bar.lane = lane
    free[lane] = bar.end ?? Number.POSITIVE_INFINITY
  }
  return Math.max(1, free.length)
}

function loadOf(bars: readonly Bar[]): Load[] {
  const steps: { t: number; by: number }[] = []
  for (const bar of bars) {
    if (bar.outcome === null) continue
    steps.push({ t: bar.start, by: 1 })
    if (bar.end !== null) steps.push({ t: bar.end, by: -1 })
  }
  steps.sort((a, b) => a.t - b.t)
  const load: Load[] = []
  let count = 0
  for (const step of steps) {
    count += step.by
    const last = load.at(-1)
    if (last?.t === step.t) last.count = count
    else load.push({ t: step.t, count })
  }
  return load
}
