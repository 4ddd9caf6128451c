/** What each kind of event changes. Kinds that are not here only show in the list of events. */
import type { Event, Json } from '../../api/types'
import { parsePosition } from './position'
import type { Replay } from './replay'
import type { Outcome, Visit, VisitStatus } from './types'

type Handler = (replay: Replay, event: Event, t: number) => void
type OfVisit = (replay: Replay, visit: Visit, event: Event, t: number) => void

function text(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function number(value: Json | undefined): number | null {
  return typeof value === 'number' ? value : null
}

/** A handler of events that speak of a visit. */
function of(handle: OfVisit): Handler {
  return (replay, event, t) => {
    if (event.position !== null) handle(replay, replay.visit(event.position, t), event, t)
  }
}

function words(event: Event): string | null {
  return text(event.detail.message) ?? text(event.detail.reason)
}

/** A call ends so, and the visit stands so. */
function ends(outcome: Outcome, status: VisitStatus): Handler {
  return of((replay, visit, event, t) => {
    visit.message = outcome === 'completed' ? null : words(event)
    replay.endCalls(visit, outcome, t, visit.message)
    replay.endWaits(visit, t)
    replay.set(visit, status, t)
  })
}

/** A wait begins; the visit stands so meanwhile. */
function waits(kind: Parameters<Replay['wait']>[1], status: VisitStatus): Handler {
  return of((replay, visit, _event, t) => {
    replay.wait(visit, kind, t)
    replay.set(visit, status, t)
  })
}

/** A wait is over; the visit stands so. */
function goesOn(status: VisitStatus): Handler {
  return of((replay, visit, event, t) => {
    replay.endWaits(visit, t, text(event.detail.by) ?? text(event.detail.policy))
    if (status === 'failed') visit.message = words(event)
    replay.set(visit, status, t)
  })
}

function begins(undoes: boolean): Handler {
  return of((replay, visit, event, t) => {
    visit.progress = null
    replay.begin(visit, event.attempt ?? visit.calls.length + 1, t, undoes)
    replay.set(visit, undoes ? 'undoing' : 'running', t)
  })
}

const childStarted = of((replay, visit, event, t) => {
  const last = visit.calls.at(-1)
  const attempt = event.attempt ?? visit.calls.length + 1
  const call = last?.end === null ? last : replay.begin(visit, attempt, t)
  call.child = text(event.detail.execution_id)
  replay.set(visit, 'running', t)
})

const progressed = of((replay, visit, event, t) => {
  visit.progress = number(event.detail.fraction)
  if (visit.status === 'running') replay.track(visit.alias).show(visit, t)
})

const retryScheduled = of((replay, visit, _event, t) => {
  replay.wait(visit, 'retry', t)
  replay.set(visit, 'retrying', t)
})

const settled = of((replay, visit, event, t) => {
  replay.endWaits(visit, t, text(event.detail.comment))
  replay.set(visit, event.detail.happened === false ? 'due' : 'completed', t)
})

const inTime = of((replay, visit, _event, t) => {
  replay.wait(visit, 'gate', t)
  replay.set(visit, 'waiting', t)
})

/** An arm that comes after its gate has opened names a visit that there may never be. */
const arrived: Handler = (replay, event, t) => {
  if (event.detail.late !== true) inTime(replay, event, t)
}

const fannedOut: Handler = (replay, event, t) => {
  // Nobody visits a placement that has no items: that is all there was to do.
  if (event.position !== null && event.detail.items === 0)
    replay.set(replay.visit(event.position, t), 'completed', t)
}

const pauseExpired = of((replay, visit, event, t) => {
  const policy = text(event.detail.policy)
  replay.endWaits(visit, t, policy)
  visit.message = policy === 'CONTINUE' ? null : words(event)
  replay.set(visit, policy === 'CONTINUE' ? 'due' : 'failed', t)
})

const released: Handler = (replay, event, t) => {
  for (const visit of replay.visits.values()) {
    if (visit.status !== 'held') continue
    if (event.position !== null && visit.position !== event.position) continue
    replay.endWaits(visit, t)
    replay.set(visit, 'due', t)
  }
}

function edge(take: boolean): Handler {
  return (replay, event, t) => {
    const { from, to } = event.detail
    if (typeof from !== 'string' || typeof to !== 'string') return
    const items = event.position === null ? [] : parsePosition(event.position).items
    if (take) replay.takeEdge(from, to, items, t)
    else replay.closeEdge(from, to, items, t)
  }
}

const ended: Handler = (replay, _event, t) => {
  replay.stopAll(t)
  replay.ended = true
  const park = replay.parked.at(-1)
  if (park && park.end === null) park.end = t
}

const parked: Handler = (replay, _event, t) => {
  replay.parked.push({ start: t, end: null })
}

const unparked: Handler = (replay, _event, t) => {
  const park = replay.parked.at(-1)
  if (park && park.end === null) park.end = t
}

export const HANDLERS: { readonly [kind: string]: Handler | undefined } = {
  execution_claimed: unparked,
  execution_woken: unparked,
  execution_parked: parked,
  execution_requeued: (replay, event, t) => replay.loseAll(words(event) ?? 'the worker is gone', t),
  execution_completed: ended,
  execution_failed: ended,
  execution_cancelled: ended,
  node_started: begins(false),
  node_child_started: childStarted,
  node_progress: progressed,
  node_completed: ends('completed', 'completed'),
  node_failed: ends('failed', 'failed'),
  node_timed_out: ends('timed_out', 'failed'),
  node_lost: ends('lost', 'lost'),
  node_retry_scheduled: retryScheduled,
  node_in_doubt: of((replay, visit, event, t) => {
    visit.message = words(event)
    replay.endCalls(visit, 'in_doubt', t, visit.message)
    replay.wait(visit, 'doubt', t)
    replay.set(visit, 'doubt', t)
  }),
  node_settled: settled,
  node_fanned_out: fannedOut,
  node_item: of((replay, visit, _event, t) => replay.set(visit, 'due', t)),
  edge_taken: edge(true),
  edge_not_taken: edge(false),
  gate_arrived: arrived,
  gate_opened: goesOn('due'),
  gate_failed: goesOn('failed'),
  gate_not_taken: goesOn('not_taken'),
  pause_opened: waits('pause', 'paused'),
  pause_resumed: goesOn('due'),
  pause_rejected: goesOn('failed'),
  pause_expired: pauseExpired,
  debug_held: waits('held', 'held'),
  debug_stepped: released,
  debug_continued: released,
  compensation_begun: (replay, _event, t) => replay.stopAll(t),
  compensation_started: begins(true),
  compensation_completed: ends('completed', 'undone'),
  compensation_failed: ends('failed', 'kept'),
  compensation_lost: ends('lost', 'undoing'),
  compensation_retry_scheduled: of((replay, visit, _event, t) => {
    replay.wait(visit, 'retry', t)
    replay.set(visit, 'undoing', t)
  }),
}
