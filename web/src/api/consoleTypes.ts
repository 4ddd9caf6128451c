/** The shapes of what runs a box: keys, webhooks, secrets, configs, schedules, limits, tenants. */
import type { Json, Status } from './types'

/** An API key as it may be shown: `key` is its first eight and last four characters. */
export interface ApiKey {
  name: string
  key: string
  created_at: string
  /** Of servers that note it. */
  last_used_at?: string | null
}

/** A key that was just made, whole. */
export interface NewKey {
  key: string
  name: string
}

export const WEBHOOK_EVENTS = [
  'execution_completed',
  'execution_failed',
  'execution_cancelled',
  'pause_opened',
  'node_in_doubt',
] as const

export interface Webhook {
  webhook_id: string
  url: string
  events: string[]
  /** Names only. */
  headers: string[]
  created_at: string
  /** When its receiver said that it is gone. */
  stopped_at: string | null
}

export const DELIVERY_STATUSES = ['PENDING', 'DELIVERED', 'FAILED'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

export interface DeliveryAttempt {
  at: string
  status_code: number | null
  error: string | null
  ms: number
}

export interface Delivery {
  delivery_id: string
  execution_id: string
  webhook_id: string | null
  type: string
  to: string
  status: DeliveryStatus
  created_at: string
  due_at: string | null
  attempts: DeliveryAttempt[]
}

export interface SigningSecret {
  secret: string
  created_at: string
  /** Until when messages carry the signature of the one before it too. */
  previous_until: string | null
}

export interface Secret {
  name: string
  created_at: string
  updated_at: string
}

export interface FlowConfig {
  config_id: string
  /** Null for all flows. */
  flow: string | null
  profile: string
  node_timeout_seconds: number | null
  /** Names only. */
  secrets: string[]
  created_at: string
  updated_at: string
}

export interface ConfigBody {
  flow: string | null
  profile: string
  node_timeout_seconds: number | null
  /** A value of null stays as it is. */
  secrets: { [name: string]: string | null }
}

/** Of times that were missed: nothing, one execution for all, one for each. */
export type CatchUp = 'none' | 'one' | 'all'
/** Whether it fires while its last execution has not ended. */
export type Overlap = 'allow' | 'skip'

export interface Schedule {
  schedule_id: string
  name: string
  graph_id: string
  flow: string
  /** Null if its artifact is gone. */
  input: Json
  cron: string | null
  every_seconds: number | null
  time_zone: string | null
  catch_up: CatchUp
  overlap: Overlap
  paused: boolean
  config_id: string | null
  priority: number
  starts_at: string | null
  ends_at: string | null
  created_at: string
  updated_at: string
  next_at: string | null
  /** That time and those which follow it. */
  upcoming: string[]
  last_at: string | null
  last_execution_id: string | null
  /** When it made none last because the execution before went on. */
  last_skipped_at: string | null
  last_error: string | null
}

export interface ScheduleBody {
  name: string
  graph_id: string
  input: Json
  cron?: string
  every_seconds?: number
  time_zone?: string
  catch_up: CatchUp
  overlap: Overlap
  /** Of a new one only: later it is paused and resumed. */
  paused?: boolean
  config_id: string | null
  priority: number
  starts_at: string | null
  ends_at: string | null
}

/** By the names of the settings; 0 is no bound, and of a burst one second's. */
export const LIMITS = [
  'requests_per_s',
  'requests_burst',
  'invocations_per_s',
  'invocations_burst',
  'executions_max',
  'flow_executions_max',
] as const
export type LimitName = (typeof LIMITS)[number]
export type Limits = Record<LimitName, number>
/** Null where it is as for everybody. */
export type OwnLimits = Record<LimitName, number | null>

export interface TenantLimits {
  tenant: string
  /** Those in force. */
  limits: Limits
  own: OwnLimits
}

export interface Usage {
  tenant: string
  limits: Limits
  running: number
  queued: number
  executions: Partial<Record<Status, number>>
  /** The newest first. */
  days: { day: string; accepted: number }[]
  counted_at?: string
  complete?: boolean
}

export interface Tenant {
  tenant: string
  name: string
  created_at: string | null
  disabled: boolean
  retention_days: number | null
  keys: number
}

/** What is to be another of a tenant; what is left out stays. */
export interface TenantChange {
  name?: string
  disabled?: boolean
  /** Null as the box is set, 0 for ever. */
  retention_days?: number | null
}

/** One line of the log of administrative acts. */
export interface Act {
  at: string
  by: string
  act: string
  subject: string
  detail: { [name: string]: Json }
}
