/**
 * The one way from the dashboard to the server: every route it uses, typed. The session is a cookie
 * that scripts cannot read; what changes anything also carries the session's CSRF token.
 */
import type {
  Act,
  ApiKey,
  ConfigBody,
  Delivery,
  DeliveryStatus,
  FlowConfig,
  NewKey,
  OwnLimits,
  Schedule,
  ScheduleBody,
  Secret,
  SigningSecret,
  Tenant,
  TenantChange,
  TenantLimits,
  Usage,
  Webhook,
} from './consoleTypes'
import { Refused, Unreachable } from './errors'
import type {
  Accepted,
  Artifact,
  ArtifactSummary,
  Branch,
  CancelReceipt,
  Checkpoint,
  Event,
  Execution,
  ExecutionDetail,
  Frame,
  Input,
  Json,
  Output,
  PackageDetail,
  Pause,
  Problem,
  Readiness,
  Session,
} from './types'

/** The least that the server takes. */
const SHORTEST_STREAM_S = 0.1
const EXECUTIONS = '/invocations/v1/executions'

export type Query = { [name: string]: string | number | undefined }

export interface Page<T> {
  rows: T[]
  next: string | null
}

interface Envelope {
  error?: string
  code?: string
  problems?: Problem[]
}

let csrfToken = ''
let lostSession: () => void = () => {}

/** Who is told when the server no longer knows the session. */
export function onLostSession(tell: () => void): void {
  lostSession = tell
}

function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text ? `${path}?${text}` : path
}

async function send(method: string, path: string, body?: Json): Promise<Response> {
  try {
    return await sendOnce(method, path, body)
  } catch (failure) {
    const stale = failure instanceof Refused && failure.code === 'CSRF_FAILED'
    if (!stale) throw failure
    // Somebody signed in anew in another tab: the cookie is that session's, the token was not.
    await kept(get<Session>('/app/v1/session'))
    return sendOnce(method, path, body)
  }
}

async function sendOnce(method: string, path: string, body?: Json): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET') headers['X-CSRF-Token'] = csrfToken
  const options: RequestInit = { method, headers, credentials: 'same-origin' }
  if (body !== undefined) options.body = JSON.stringify(body)
  let answer: Response
  try {
    answer = await fetch(path, options)
  } catch {
    throw new Unreachable()
  }
  if (answer.ok) return answer
  throw await refusal(answer)
}

async function refusal(answer: Response): Promise<Refused> {
  const envelope: Envelope = await answer.json().catch(() => ({}))
  const code = envelope.code ?? (answer.status === 401 ? 'UNAUTHORIZED' : 'UNKNOWN')
  const words = envelope.error ?? `The server answered ${answer.status}.`
  if (answer.status === 401) lostSession()
  return new Refused(answer.status, code, words, envelope.problems ?? [])
}

async function ask<T>(method: string, path: string, body?: Json): Promise<T> {
  const answer = await send(method, path, body)
  return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T)
}

function get<T>(path: string, query?: Query): Promise<T> {
  return ask<T>('GET', address(path, query))
}

async function list<T>(path: string, plural: string, query: Query = {}): Promise<Page<T>> {
  const answer = await get<Record<string, unknown>>(path, query)
  return { rows: answer[plural] as T[], next: (answer.next_cursor as string | null) ?? null }
}

/** All pages of a list that is known to be short. */
async function every<T>(path: string, plural: string): Promise<T[]> {
  const rows: T[] = []
  let cursor: string | undefined
  do {
    const page: Page<T> = await list<T>(path, plural, { limit: 1_000, cursor })
    rows.push(...page.rows)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return rows
}

async function kept(session: Promise<Session>): Promise<Session> {
  const found = await session
  csrfToken = found.csrf_token ?? ''
  return found
}

export interface ExecutionsQuery {
  status?: string
  flow?: string
  started_after?: string
  started_before?: string
  q?: string
  limit?: number
  cursor?: string
}

export interface ForkBody {
  from: string | number
  output?: Json
  graph_id?: string
}

export interface AnswerBody {
  decision: 'approve' | 'reject'
  value?: Json
  comment?: string
}

const one = (id: string, below = '') => `${EXECUTIONS}/${encodeURIComponent(id)}${below}`

function oneCheckpoint(id: string, seq: number): [string, string, Query] {
  return [one(id, '/checkpoints'), 'checkpoints', { limit: 1, cursor: seq - 1 }]
}

export const api = {
  session: () => kept(get<Session>('/app/v1/session')),
  signIn: (proof: { key: string } | { token: string }) =>
    kept(ask<Session>('POST', '/app/v1/session', proof)),
  signOut: () => ask<void>('DELETE', '/app/v1/session'),

  ready: () => get<Readiness>('/readyz'),

  executions: (query: ExecutionsQuery) => list<Execution>(EXECUTIONS, 'executions', query as Query),
  execution: (id: string) => get<ExecutionDetail>(one(id)),
  events: (id: string, after: number, limit: number) =>
    list<Event>(one(id, '/events'), 'events', { after: seen(after), limit }),
  checkpoints: (id: string, query: Query) =>
    list<Checkpoint>(one(id, '/checkpoints'), 'checkpoints', query),
  /** The checkpoint with that seq alone: others may be large. */
  checkpoint: async (id: string, seq: number) => {
    const { rows } = await list<Checkpoint>(...oneCheckpoint(id, seq))
    const [found] = rows
    if (found?.seq !== seq) throw new Error(`There is no checkpoint ${seq}.`)
    return found
  },
  branches: async (id: string) => (await list<Branch>(one(id, '/branches'), 'branches')).rows,
  pauses: (id: string, query: Query) => list<Pause>(one(id, '/pauses'), 'pauses', query),
  input: (id: string) => get<Input>(one(id, '/input')),
  output: (id: string) => get<Output>(one(id, '/output')),
  frames: (id: string, query: Query) => list<Frame>(one(id, '/frames'), 'frames', query),

  cancel: (id: string, compensate = false) =>
    ask<CancelReceipt>(
      'DELETE',
      address(`/invocations/v1/flows/${encodeURIComponent(id)}`, {
        compensate: compensate ? 'true' : undefined,
      }),
    ),
  retry: (id: string) => ask<Accepted>('POST', one(id, '/retry')),
  fork: (id: string, body: ForkBody) =>
    ask<Accepted>('POST', one(id, '/fork'), body as unknown as Json),
  answer: (id: string, pause: string, body: AnswerBody) =>
    ask<Json>(
      'POST',
      one(id, `/pauses/${encodeURIComponent(pause)}/resume`),
      body as unknown as Json,
    ),
  invoke: (graphId: string, input: Json) =>
    ask<Accepted>('POST', '/invocations/v1/flows/invoke', { graph_id: graphId, input }),
  /**
   * Starts a pipeline and tells its execution. The stream is asked to end at once, which it does with
   * a frame that names the execution; that goes on.
   */
  invokeStream: async (graphId: string, input: Json): Promise<Accepted> => {
    const body = { graph_id: graphId, input, timeout_seconds: SHORTEST_STREAM_S }
    const answer = await send('POST', '/invocations/v1/flows/invoke/stream', body)
    const line = (await answer.text()).split('\n').find((text) => text.startsWith('data: '))
    const { execution_id } = JSON.parse((line ?? 'data: {}').slice(6)) as Accepted
    return { accepted: true, execution_id }
  },
  debug: (graphId: string, input: Json) =>
    ask<Accepted>('POST', '/app/v1/debug', { graph_id: graphId, input, paused: true }),

  artifacts: (query: Query) => list<ArtifactSummary>('/app/v1/artifacts', 'artifacts', query),
  artifact: (graphId: string) => get<Artifact>(`/app/v1/artifacts/${encodeURIComponent(graphId)}`),
  /** `at` names one version: handle/name@version. */
  package: (at: string) => get<PackageDetail>(`/app/v1/packages/${at.replace('@', '/')}`),
}

const own = (plural: string, id: string, below = '') =>
  `/app/v1/${plural}/${encodeURIComponent(id)}${below}`

/** What runs a box. Servers of before may not have all of it. */
export const admin = {
  keys: async () => (await list<ApiKey>('/app/v1/keys', 'keys')).rows,
  /** For one's own tenant, or by the operator for another. */
  createKey: (name: string, tenant?: string) =>
    ask<NewKey>('POST', '/app/v1/keys', tenant === undefined ? { name } : { name, tenant }),
  revokeKey: (first8: string) => ask<Json>('DELETE', own('keys', first8)),

  webhooks: async () => (await list<Webhook>('/app/v1/webhooks', 'webhooks')).rows,
  subscribe: (body: { url: string; events: string[]; headers: { [name: string]: string } }) =>
    ask<Webhook>('POST', '/app/v1/webhooks', body),
  unsubscribe: (id: string) => ask<Json>('DELETE', own('webhooks', id)),
  deliveries: (status: DeliveryStatus | undefined, cursor: string | undefined) =>
    list<Delivery>('/app/v1/webhooks/deliveries', 'deliveries', { status, cursor, limit: 50 }),
  redeliver: (id: string) => ask<Delivery>('POST', own('webhooks/deliveries', id, '/redeliver')),
  signingSecret: () => get<SigningSecret>('/app/v1/webhooks/secret'),
  rotateSecret: () => ask<SigningSecret>('POST', '/app/v1/webhooks/secret/rotate'),

  secrets: () => every<Secret>('/app/v1/secrets', 'secrets'),
  putSecret: (name: string, value: string) => ask<Json>('PUT', own('secrets', name), { value }),
  deleteSecret: (name: string) => ask<void>('DELETE', own('secrets', name)),

  configs: () => every<FlowConfig>('/app/v1/configs', 'configs'),
  createConfig: (body: ConfigBody) =>
    ask<FlowConfig>('POST', '/app/v1/configs', body as unknown as Json),
  replaceConfig: (id: string, body: ConfigBody) =>
    ask<FlowConfig>('PUT', own('configs', id), body as unknown as Json),
  deleteConfig: (id: string) => ask<void>('DELETE', own('configs', id)),

  schedules: () => every<Schedule>('/app/v1/schedules', 'schedules'),
  createSchedule: (body: ScheduleBody) =>
    ask<Schedule>('POST', '/app/v1/schedules', body as unknown as Json),
  changeSchedule: (id: string, body: Partial<ScheduleBody>) =>
    ask<Schedule>('PATCH', own('schedules', id), body as unknown as Json),
  deleteSchedule: (id: string) => ask<void>('DELETE', own('schedules', id)),
  actOnSchedule: (id: string, act: 'pause' | 'resume' | 'trigger') =>
    ask<Json>('POST', own('schedules', id, `/${act}`)),

  usage: (tenant?: string) => get<Usage>('/app/v1/usage', { tenant }),
  tenants: () => every<Tenant>('/app/v1/tenants', 'tenants'),
  createTenant: (tenant: string, name: string | undefined) =>
    ask<Tenant>('POST', '/app/v1/tenants', name === undefined ? { tenant } : { tenant, name }),
  changeTenant: (tenant: string, change: TenantChange) =>
    ask<Tenant>('PATCH', own('tenants', tenant), change as unknown as Json),
  limits: (tenant: string) => get<TenantLimits>(own('tenants', tenant, '/limits')),
  setLimits: (tenant: string, limits: OwnLimits) =>
    ask<TenantLimits>('PUT', own('tenants', tenant, '/limits'), limits),

  /** The log, newest first: one's own, or for the operator any. */
  acts: (query: { [name in 'act' | 'tenant' | 'cursor']?: string | undefined }) =>
    list<Act>('/app/v1/audit', 'acts', { ...query, limit: 50 }),
}

/** Where a checkpoint is read as a file, without coming through the page. */
export function checkpointAddress(id: string, seq: number): string {
  const [path, , query] = oneCheckpoint(id, seq)
  return address(path, query)
}

/** Where the output of an execution is read as a file. */
export function outputAddress(id: string): string {
  return one(id, '/output')
}

/** Where an execution's events are followed live; -1 from the first one on. */
export function eventsAddress(id: string, after: number): string {
  return address(one(id, '/events'), { after: seen(after) })
}

function seen(after: number): number | undefined {
  return after < 0 ? undefined : after
}

/** Where a pipeline's frames are followed live. */
export function framesAddress(id: string, from: number): string {
  return address(one(id, '/stream'), { from })
}
