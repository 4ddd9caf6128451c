/**
 * An execution's history as something that can be looked at for any time in it. Events are applied
 * once, in their order, and only ever added to: a live execution costs what is new.
 */
import type { Artifact, Event } from '../../api/types'
import { note } from './changes'
import { HANDLERS } from './handlers'
import { parsePosition } from './position'
import { Track } from './track'
import {
  type Call,
  type Change,
  type EdgeState,
  edgeKey,
  type Outcome,
  type Span,
  type Visit,
  type VisitStatus,
  type Wait,
  type WaitKind,
} from './types'

const OPEN: readonly VisitStatus[] = [
  'due',
  'running',
  'retrying',
  'waiting',
  'paused',
  'held',
  'doubt',
  'lost',
  'undoing',
]

export class Replay {
  readonly tracks = new Map<string, Track>()
  readonly visits = new Map<string, Visit>()
  readonly edges = new Map<string, Change<EdgeState>[]>()
  /** The distinct times at which something happened, ascending. */
  readonly offsets: number[] = []
  /** When at least one call was in flight. */
  readonly busy: Span[] = []
  /** When the execution was parked: nothing of it ran, and no worker had it. */
  readonly parked: Span[] = []
  readonly losses: number[] = []
  /** How many events of each kind there are. */
  readonly counts = new Map<string, number>()
  /** Milliseconds since the epoch of the first event. */
  origin: number | null = null
  end = 0
  ended = false
  private readonly calls = new Map<Call, Visit>()
  private readonly bodies = new Map<string, readonly string[]>()
  private readonly gates: ReadonlySet<string>
  private readonly loops: ReadonlySet<string>

  constructor(readonly artifact: Artifact) {
    for (const node of artifact.nodes) this.tracks.set(node.alias, new Track())
    for (const edge of artifact.edges) this.edges.set(edgeKey(edge.from, edge.to), [])
    const loops = artifact.edges.filter((edge) => edge.loop)
    this.gates = new Set(artifact.nodes.filter((node) => node.gate).map((node) => node.alias))
    this.loops = new Set(loops.map((edge) => edgeKey(edge.from, edge.to)))
  }

  apply(events: readonly Event[]): this {
    for (const event of events) this.one(event)
    return this
  }

  private one(event: Event): void {
    const at = Date.parse(event.at)
    this.origin ??= at
    // The box's clock may have been set back: history never goes back.
    this.end = Math.max(this.end, at - this.origin)
    if (this.offsets.at(-1) !== this.end) this.offsets.push(this.end)
    this.counts.set(event.kind, (this.counts.get(event.kind) ?? 0) + 1)
    HANDLERS[event.kind]?.(this, event, this.end)
  }

  track(alias: string): Track {
    const found = this.tracks.get(alias) ?? new Track()
    this.tracks.set(alias, found)
    return found
  }

  visit(text: string, t: number): Visit {
    const known = this.visits.get(text)
    if (known) return known
    const { alias, iteration, items } = parsePosition(text)
    const made: Visit = {
      alias,
      position: text,
      iteration,
      items,
      status: 'due',
      since: t,
      calls: [],
      waits: [],
      message: null,
      progress: null,
    }
    this.visits.set(text, made)
    this.track(alias).visits.push(made)
    return made
  }

  set(visit: Visit, status: VisitStatus, t: number): void {
    this.track(visit.alias).set(visit, status, t)
  }

  begin(visit: Visit, attempt: number, t: number, undoes = false): Call {
    this.endWaits(visit, t)
    this.endCalls(visit, 'lost', t)
    const start = { attempt, start: t, undoes, end: null, message: null, child: null }
    const call: Call = { ...start, outcome: 'running' }
    visit.calls.push(call)
    if (this.calls.size === 0) this.busy.push({ start: t, end: null })
    this.calls.set(call, visit)
    return call
  }

  /** End what is in flight of a visit. */
  endCalls(visit: Visit, outcome: Outcome, t: number, message: string | null = null): void {
    for (const call of visit.calls) {
      if (call.end !== null) continue
      call.end = t
      call.outcome = outcome
      call.message = message
      this.calls.delete(call)
      if (outcome === 'lost') this.losses.push(t)
    }
    const span = this.busy.at(-1)
    if (this.calls.size === 0 && span && span.end === null) span.end = t
  }

  wait(visit: Visit, kind: WaitKind, t: number): void {
    const open = visit.waits.at(-1)
    if (open && open.end === null && open.kind === kind) return
    this.endWaits(visit, t)
    const made: Wait = { kind, start: t, end: null, note: null }
    visit.waits.push(made)
  }

  endWaits(visit: Visit, t: number, words: string | null = null): void {
    const open = visit.waits.at(-1)
    if (!open || open.end !== null) return
    open.end = t
    open.note = words
  }

  /** The worker, or the box, is gone: with it all that was in flight. */
  loseAll(reason: string, t: number): void {
    for (const visit of new Set(this.calls.values())) {
      this.endCalls(visit, 'lost', t, reason)
      this.set(visit, 'lost', t)
    }
  }

  /** Nothing that is open goes on. */
  stopAll(t: number): void {
    for (const visit of this.visits.values()) {
      if (!OPEN.includes(visit.status)) continue
      this.stop(visit, t)
      this.set(visit, 'stopped', t)
    }
  }

  private stop(visit: Visit, t: number): void {
    this.endCalls(visit, 'stopped', t)
    this.endWaits(visit, t)
  }

  takeEdge(from: string, to: string, items: readonly number[], t: number): void {
    if (this.loops.has(edgeKey(from, to))) this.goBack(to, items, t)
    const changes = this.edge(from, to)
    note(changes, t, { status: 'taken', times: (changes.at(-1)?.state.times ?? 0) + 1 })
  }

  closeEdge(from: string, to: string, items: readonly number[], t: number): void {
    const changes = this.edge(from, to)
    const before = changes.at(-1)?.state
    // Of a fan-out's items some take it and some do not.
    if (before?.status !== 'taken') note(changes, t, { status: 'not_taken', times: 0 })
    if (this.gates.has(to) || this.track(to).has(items)) return
    const place = items.map((item) => `[${item}]`).join('')
    this.set(this.visit(`${to}${place}`, t), 'not_taken', t)
  }

  private edge(from: string, to: string): Change<EdgeState>[] {
    const key = edgeKey(from, to)
    const changes = this.edges.get(key) ?? []
    this.edges.set(key, changes)
    return changes
  }

  /** A loop begins anew all that forward edges lead to from its destination. */
  private goBack(to: string, items: readonly number[], t: number): void {
    const body = this.body(to)
    for (const alias of body)
      for (const visit of this.track(alias).reset(items, t)) this.stop(visit, t)
    if (items.length > 0) return
    for (const edge of this.artifact.edges) {
      const changes = this.edge(edge.from, edge.to)
      const before = changes.at(-1)?.state
      if (before && body.includes(edge.from) && !edge.loop)
        note(changes, t, { status: 'idle', times: before.times })
    }
  }

  private body(start: string): readonly string[] {
    const known = this.bodies.get(start)
    if (known) return known
    const seen = new Set([start])
    for (const alias of seen)
      for (const edge of this.artifact.edges)
        if (edge.from === alias && !edge.loop) seen.add(edge.to)
    this.bodies.set(start, [...seen])
    return [...seen]
  }
}

export function replayOf(artifact: Artifact, events: readonly Event[]): Replay {
  return new Replay(artifact).apply(events)
}
