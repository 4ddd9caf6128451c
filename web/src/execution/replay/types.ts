/** What the replay of an execution is made of. All times are milliseconds from its first event. */

export type VisitStatus =
  | 'due'
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'paused'
  | 'held'
  | 'doubt'
  | 'lost'
  | 'undoing'
  | 'completed'
  | 'undone'
  | 'kept'
  | 'failed'
  | 'stopped'
  | 'not_taken'

export type NodeStatus = VisitStatus | 'idle'

export type Outcome =
  | 'running'
  | 'completed'
  | 'failed'
  | 'timed_out'
  | 'lost'
  | 'in_doubt'
  | 'stopped'

/** One call of a node, or of the node that undoes it. */
export interface Call {
  readonly attempt: number
  readonly start: number
  readonly undoes: boolean
  end: number | null
  outcome: Outcome
  message: string | null
  child: string | null
}

export type WaitKind = 'gate' | 'pause' | 'retry' | 'held' | 'doubt'

/** A time in which a visit was there and nothing of it ran. */
export interface Wait {
  readonly kind: WaitKind
  readonly start: number
  end: number | null
  note: string | null
}

export interface Visit {
  readonly alias: string
  readonly position: string
  readonly iteration: number
  readonly items: readonly number[]
  status: VisitStatus
  /** Since when it has that status. */
  since: number
  calls: Call[]
  waits: Wait[]
  message: string | null
  /** Of 0 to 1, as the node tells it. */
  progress: number | null
}

export interface Items {
  total: number
  done: number
  running: number
  failed: number
}

/** How a placement stands at one time, over all of its current visits. */
export interface NodeState {
  status: NodeStatus
  since: number
  /** Calls of the visit that changed last. */
  attempts: number
  iteration: number
  items: Items | null
  /** How long the last call took that has ended. */
  ms: number | null
  message: string | null
  progress: number | null
  child: string | null
}

export interface EdgeState {
  status: 'idle' | 'flowing' | 'taken' | 'not_taken'
  /** How often a message has gone over it. */
  times: number
}

export interface Change<T> {
  readonly t: number
  readonly state: T
}

export interface Span {
  start: number
  end: number | null
}

export const IDLE_NODE: NodeState = {
  status: 'idle',
  since: 0,
  attempts: 0,
  iteration: 1,
  items: null,
  ms: null,
  message: null,
  progress: null,
  child: null,
}

export const IDLE_EDGE: EdgeState = { status: 'idle', times: 0 }

export function edgeKey(from: string, to: string): string {
  return `${from} → ${to}`
}
