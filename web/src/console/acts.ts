/** The log of administrative acts in words: what was done, to what, and what changed by it. */
import type { Act, LimitName } from '../api/consoleTypes'
import type { Json } from '../api/types'
import { toSecond } from '../parts/time'
import { boundText, keptText, LIMIT_WORDS } from './tenantWords'

/** The fact that is an artifact's ID. */
export const ARTIFACT = 'Artifact'

/** Every act there is, by what it is about. */
export const ACTS: { [about: string]: { [act: string]: string } } = {
  'Keys and signing in': {
    'key.created': 'API key created',
    'key.revoked': 'API key revoked',
    'session.created': 'Signed in',
    'session.ended': 'Signed out',
    'login_link.created': 'Sign-in link made',
  },
  Tenants: {
    'tenant.created': 'Tenant created',
    'tenant.renamed': 'Tenant renamed',
    'tenant.disabled': 'Tenant disabled',
    'tenant.enabled': 'Tenant enabled',
    'tenant.retention_changed': 'Retention of a tenant changed',
    'tenant.limits_changed': 'Limits of a tenant changed',
  },
  'Packages and flows': {
    'package.pushed': 'Package pushed',
    'flow.saved': 'Draft of a flow saved',
    'flow.deleted': 'Draft of a flow deleted',
    'flow.compiled': 'Flow compiled',
  },
  Webhooks: {
    'webhook.added': 'Webhook added',
    'webhook.removed': 'Webhook removed',
    'webhook_secret.rotated': 'Signing secret of webhooks rotated',
  },
  'Secrets and configs': {
    'secret.set': 'Secret set',
    'secret.deleted': 'Secret deleted',
    'secrets_key.rotated': 'Key that seals secrets rotated',
    'flow_config.created': 'Flow config created',
    'flow_config.changed': 'Flow config changed',
    'flow_config.deleted': 'Flow config deleted',
  },
  Schedules: {
    'schedule.created': 'Schedule created',
    'schedule.changed': 'Schedule changed',
    'schedule.paused': 'Schedule paused',
    'schedule.resumed': 'Schedule resumed',
    'schedule.deleted': 'Schedule deleted',
  },
}

const TITLES: { [act: string]: string } = Object.assign({}, ...Object.values(ACTS))

/** What was done; of what a newer server knows, its own word. */
export function titleOf(act: string): string {
  return TITLES[act] ?? act
}

/** Who did it: a key's name with the first eight characters of the key, or how it was done. */
export function whoOf(by: string): { name: string; first8: string | null } {
  const [, name, first8] = /^(.*)\/([0-9a-f]{8})$/.exec(by) ?? []
  if (name !== undefined && first8 !== undefined) return { name, first8 }
  return { name: by.charAt(0).toUpperCase() + by.slice(1), first8: null }
}

/** The detail that names what is otherwise an ID. */
const NAMED_BY: { [about: string]: string } = {
  schedule: 'name',
  flow_config: 'profile',
  webhook: 'to',
}

/** What it was done to: by the name that people know, where the subject is an ID. */
export function subjectOf({ act, subject, detail }: Act): { name: string; id: string | null } {
  const known = detail[NAMED_BY[act.split('.')[0] ?? ''] ?? '']
  return typeof known === 'string' ? { name: known, id: subject } : { name: subject, id: null }
}

export interface Fact {
  name: string
  text: string
  /** What it was, of what changed from one to another. */
  before?: string
}

type Read = (value: Json, act: Act) => string | null

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function listed(value: Json): string | null {
  return Array.isArray(value) && value.length > 0 ? value.map(textOf).join(', ') : null
}

/** Nothing, where the subject says it already. */
function unsaid(value: Json, act: Act): string | null {
  return value === act.subject || value === subjectOf(act).name ? null : textOf(value)
}

/** What each detail is called, and how it is told; null for nothing worth to tell. */
const DETAILS: { [name: string]: [string, Read] } = {
  key: ['Key', textOf],
  tenant: ['Tenant', unsaid],
  name: ['Name', unsaid],
  digest: ['Content', (value) => textOf(value).slice(0, 12)],
  changed: ['Version', (value) => (value ? 'has this content now' : 'had this content before')],
  graph_id: [ARTIFACT, textOf],
  to: ['Host', unsaid],
  events: ['Events', listed],
  created: ['Value', (value) => (value ? 'set for the first time' : 'replaced')],
  flow: ['Flow', (value) => (value === null ? 'all flows' : textOf(value))],
  profile: ['Profile', unsaid],
  node_timeout_seconds: ['Node time limit', (value) => (value === null ? null : `${value} s`)],
  secrets: ['Secrets', listed],
  expires_at: ['Valid until', (value) => toSecond(textOf(value))],
}

/** What changed, one fact for each thing that is worth to tell. */
export function factsOf(act: Act): Fact[] {
  const { before, after, ...rest } = act.detail
  const names = Object.keys(rest)
  const facts = names.flatMap((name) => factOf(name, rest[name] ?? null, act))
  if (after !== undefined) facts.push(changeOf(act.act, before ?? null, after))
  if (act.act === 'tenant.limits_changed' && !names.some(isLimit))
    facts.push({ name: 'Limits', text: 'as for everybody' })
  return facts
}

function factOf(name: string, value: Json, act: Act): Fact[] {
  if (isLimit(name)) return [{ name: LIMIT_WORDS[name], text: boundText(name, Number(value)) }]
  const [label, read] = DETAILS[name] ?? [name, textOf]
  const text = read(value, act)
  return text === null ? [] : [{ name: label, text }]
}

function isLimit(name: string): name is LimitName {
  return name in LIMIT_WORDS
}

function changeOf(act: string, before: Json, after: Json): Fact {
  const isRetention = act === 'tenant.retention_changed'
  const read = isRetention ? days : textOf
  return { name: isRetention ? 'Kept' : 'Name', before: read(before), text: read(after) }
}

function days(value: Json): string {
  return keptText(typeof value === 'number' ? value : null)
}
