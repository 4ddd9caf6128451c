/**
 * The shapes of the public HTTP API, as the dashboard reads them. Times are RFC 3339 in UTC with
 * milliseconds, durations are in milliseconds.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export const STATUSES = [
  'QUEUED',
  'RUNNING',
  'PAUSED_HITL',
  'WAITING_ON_GATE',
  'DEBUG_PAUSED',
  'COMPENSATING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const
export type Status = (typeof STATUSES)[number]

export type Mode = 'unary' | 'pipeline'

export interface Failure {
  kind: string
  placement: string | null
  edge: string | null
  message: string
  attempts: number
}

export interface OpenPause {
  pause_id: string
  position: string
  expires_at: string | null
}

export interface WaitingOn {
  in_doubt: string[]
  pauses: OpenPause[]
  held: string[]
  children: string[]
  until: string | null
}

export interface Execution {
  execution_id: string
  flow: string
  graph_id: string
  mode: Mode
  status: Status
  created_at: string
  started_at: string | null
  updated_at: string
  completed_at: string | null
  duration_ms: number | null
  attempt: number
  config_id: string | null
  parent_id: string | null
  forked_from: string | null
  waiting_on: WaitingOn | null
  ended_at: string[] | null
  error: string | null
  failure: Failure | null
}

export type UndoneStatus = 'DONE' | 'FAILED' | 'PENDING' | 'NOT_DONE'

export interface UndoneStep {
  position: string
  placement: string
  node: string
  status: UndoneStatus
  attempts: number
  at: string | null
  message: string | null
}

export interface Compensation {
  reason: string | null
  steps: UndoneStep[]
}

export interface ExecutionDetail extends Execution {
  compensation: Compensation | null
}

/** What an execution was invoked with. */
export interface Input {
  execution_id: string
  /** The full name of the message. */
  message: string
  input: Json
}

export interface Output {
  execution_id: string
  status: Status
  message: string
  output: Json
  frames: number | null
  completed_at: string | null
  error: string | null
  failure: Failure | null
}

export interface Event {
  seq: number
  at: string
  kind: string
  placement: string | null
  position: string | null
  attempt: number | null
  detail: { [key: string]: Json }
}

export interface Way {
  from: string
  to: string
}

export interface Checkpoint {
  seq: number
  placement: string
  position: string
  attempt: number
  message: string
  started_at: string
  completed_at: string
  duration_ms: number
  input: Json
  output: Json
  output_bytes: number | null
  edges_taken: Way[]
  frames?: number
  child?: string
}

export type PauseStatus = 'OPEN' | 'RESUMED' | 'REJECTED' | 'EXPIRED' | 'CANCELLED'

export interface Pause {
  pause_id: string
  execution_id?: string
  placement: string
  position: string
  status: PauseStatus
  opened_at: string
  expires_at: string | null
  payload: Json
  input: Json
  schema: Schema
  resolved_at: string | null
  by: string | null
  comment: string | null
  value: Json
}

export type ArmStatus = 'WAITING' | 'ARRIVED' | 'FAILED' | 'NOT_TAKEN'
export type GateStatus = 'WAITING' | 'OPENED' | 'FAILED' | 'NOT_TAKEN'

export interface Arm {
  from: string
  status: ArmStatus
  at: string | null
}

export interface Branch {
  gate: string
  position: string
  kind: string
  policy: string
  status: GateStatus
  opened_at: string | null
  arms: Arm[]
}

export interface Frame {
  frame_index: number
  payload: Json
}

/** JSON Schema, as the server makes it of a message. */
export interface Schema {
  $defs?: { [name: string]: Schema }
  $ref?: string
  type?: string | string[]
  title?: string
  description?: string
  properties?: { [name: string]: Schema }
  additionalProperties?: boolean | Schema
  items?: Schema
  enum?: Json[]
  format?: string
  contentEncoding?: string
  'x-oneof'?: { [name: string]: string[] }
  pattern?: string
  minimum?: number
  maximum?: number
  default?: Json
  anyOf?: Schema[]
  oneOf?: Schema[]
}

export interface ArtifactSummary {
  graph_id: string
  flow: string
  mode: Mode
  created_at: string
  description: string
  placements: number
  content_hash: string
}

export interface ArtifactNode {
  alias: string
  package: string | null
  node: string | null
  digest: string | null
  type: string
  input: string
  output: string
  runner: string
  timeout_seconds: number
  subflow: string | null
  gate: boolean
  join: {
    kind: string
    failure_policy: string
    quorum: number | null
    timeout_seconds: number | null
    timeout_policy: string | null
  } | null
  compose: { [field: string]: string } | null
  fan_out: { items: string; max_parallel: number | null } | null
  hitl: {
    interrupt_payload: Json
    timeout_seconds: number | null
    timeout_policy: string | null
  } | null
  compensate: { package: string; node: string; digest: string; input: Json } | null
  position: { x: number; y: number } | null
}

export interface ArtifactEdge extends Way {
  condition: string | null
  adapter: { [field: string]: string } | null
  loop: boolean
  max_iterations: number | null
  on_error: boolean
}

export interface Artifact extends ArtifactSummary {
  entry: string
  terminal: string
  input_schema: Schema
  output_schema: Schema
  nodes: ArtifactNode[]
  edges: ArtifactEdge[]
}

export interface Stopped {
  execution_id: string
  placement: string
  attempt: number
  how: 'cooperative' | 'killed'
  ms: number
}

export interface CancelReceipt {
  execution_id: string
  status: Status
  stopped: Stopped[]
}

export interface Accepted {
  accepted: true
  execution_id: string
}

export interface Session {
  tenant: string
  key: { name: string; first8: string }
  csrf_token: string | null
  expires_at: string | null
}

/** What the process says of itself, to anybody. */
export interface Readiness {
  status: string
  attempts: number
}

export interface Problem {
  path: string
  message: string
}

/** What a package's own page tells that forms need: the schemas of its nodes' messages. */
export interface PackageDetail {
  name: string
  version: string
  description: string
  messages: { [message: string]: Schema }
}
