/** How one placement stands, kept while events come: its current visits, counted by status. */
import { note } from './changes'
import { isWithin } from './position'
import type { Call, Change, Items, NodeState, Visit, VisitStatus } from './types'

/** Of several visits of a placement the one counts that says most about what happens now. */
const WEIGHT: readonly VisitStatus[] = [
  'running',
  'undoing',
  'doubt',
  'paused',
  'held',
  'retrying',
  'lost',
  'waiting',
  'due',
  'failed',
  'kept',
  'stopped',
  'undone',
  'completed',
  'not_taken',
]

const FINISHED: readonly VisitStatus[] = ['completed', 'undone', 'kept']

export class Track {
  readonly changes: Change<NodeState>[] = []
  readonly visits: Visit[] = []
  private readonly current = new Map<string, Visit>()
  private readonly counts = new Map<VisitStatus, number>()
  private items = 0
  private latest: Visit | null = null
  private since = 0

  /** A visit that is new, or that counts again. */
  enter(visit: Visit): void {
    const place = visit.items.join(',')
    const before = this.current.get(place)
    if (before === visit) return
    if (before) this.forget(place, before)
    this.current.set(place, visit)
    this.count(visit.status, 1)
    if (visit.items.length > 0) this.items += 1
  }

  has(items: readonly number[]): boolean {
    return this.current.has(items.join(','))
  }

  set(visit: Visit, status: VisitStatus, t: number): void {
    this.enter(visit)
    this.count(visit.status, -1)
    this.count(status, 1)
    visit.status = status
    visit.since = t
    this.show(visit, t)
  }

  /** A loop begins anew what lies within these items; the visits that were there. */
  reset(items: readonly number[], t: number): Visit[] {
    const dropped: Visit[] = []
    for (const [place, visit] of this.current) {
      if (!isWithin(visit.items, items)) continue
      this.forget(place, visit)
      dropped.push(visit)
    }
    if (dropped.length > 0) this.show(this.latest, t)
    return dropped
  }

  /** Take down how it stands now. */
  show(visit: Visit | null, t: number): void {
    this.latest = visit
    const status = WEIGHT.find((one) => (this.counts.get(one) ?? 0) > 0) ?? 'idle'
    const before = this.changes.at(-1)?.state
    if (before?.status !== status) this.since = t
    const call = visit?.calls.at(-1)
    note(this.changes, t, {
      status,
      since: status === visit?.status ? Math.max(this.since, visit.since) : this.since,
      attempts: visit?.calls.filter((one) => !one.undoes).length ?? 0,
      iteration: visit?.iteration ?? 1,
      items: this.items > 0 ? this.counted() : null,
      ms: this.duration(visit, before?.ms ?? null, status === 'idle'),
      message: visit?.message ?? null,
      progress: visit?.progress ?? null,
      child: call?.child ?? null,
    })
  }

  private duration(visit: Visit | null, before: number | null, isIdle: boolean): number | null {
    if (isIdle) return null
    const ended = visit?.calls.filter((one) => one.end !== null).at(-1)
    return ended ? lasted(ended) : this.items > 0 ? before : null
  }

  private counted(): Items {
    const count = (...of: VisitStatus[]) =>
      of.reduce((sum, status) => sum + (this.counts.get(status) ?? 0), 0)
    return {
      total: this.items,
      done: count(...FINISHED),
      running: count('running', 'undoing'),
      failed: count('failed', 'kept'),
    }
  }

  private count(status: VisitStatus, by: number): void {
    this.counts.set(status, (this.counts.get(status) ?? 0) + by)
  }

  private forget(place: string, visit: Visit): void {
    this.current.delete(place)
    this.count(visit.status, -1)
    if (visit.items.length > 0) this.items -= 1
  }
}

function lasted(call: Call): number {
  return (call.end ?? call.start) - call.start
}
