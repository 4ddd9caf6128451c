/** What a schema of the server says about one value, and the plainest value that fits it. */
import type { Json, Schema } from '../api/types'
import type { Members } from './paths'

export type Kind =
  | 'text'
  | 'integer'
  | 'long'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'bytes'
  | 'moment'
  | 'duration'
  | 'null'
  | 'message'
  | 'map'
  | 'list'
  | 'free'

const DEFINITIONS = '#/$defs/'
/** How deep an example goes: messages may hold themselves. */
const EXAMPLE_DEPTH_MAX = 4

/** A schema with its reference followed, which is to a definition of `root`. */
export function resolve(schema: Schema, root: Schema): Schema {
  const name = schema.$ref
  if (name === undefined) return schema
  if (name === '#') return root
  return root.$defs?.[name.slice(DEFINITIONS.length)] ?? {}
}

/** Which field a value of this schema gets. */
export function kindOf(schema: Schema): Kind {
  if (schema.enum) return 'choice'
  switch (schema.type) {
    case 'string':
      return textKind(schema)
    case 'integer':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    case 'array':
      return schema.items ? 'list' : 'free'
    case 'object':
      return objectKind(schema)
    default:
      return Array.isArray(schema.type) ? 'long' : 'free'
  }
}

function textKind(schema: Schema): Kind {
  if (schema.contentEncoding === 'base64') return 'bytes'
  if (schema.format === 'date-time') return 'moment'
  return schema.pattern?.endsWith('s$') ? 'duration' : 'text'
}

function objectKind(schema: Schema): Kind {
  if (typeof schema.additionalProperties === 'object') return 'map'
  return schema.additionalProperties === false ? 'message' : 'free'
}

/** The name of a message or enum without its package. */
export function shortName(schema: Schema): string {
  return schema.title?.split('.').at(-1) ?? ''
}

/** The value that a new item, a new entry or a chosen member of a oneof begins with. */
export function blank(schema: Schema, root: Schema): Json {
  const found = resolve(schema, root)
  switch (kindOf(found)) {
    case 'integer':
    case 'number':
      return 0
    case 'long':
      return '0'
    case 'boolean':
      return false
    case 'choice':
      return found.enum?.[0] ?? ''
    case 'null':
      return null
    case 'moment':
      return '1970-01-01T00:00:00Z'
    case 'duration':
      return '0s'
    case 'list':
      return []
    case 'message':
    case 'map':
      return {}
    case 'free':
      return found.type === 'array' ? [] : {}
    default:
      return ''
  }
}

/** A whole message as an example: every field once, of a oneof the first. */
export function example(schema: Schema, root: Schema, depth = 1): Json {
  const found = resolve(schema, root)
  const kind = kindOf(found)
  if (kind === 'list') {
    return found.items && depth < EXAMPLE_DEPTH_MAX ? [example(found.items, root, depth + 1)] : []
  }
  if (kind !== 'message' || depth > EXAMPLE_DEPTH_MAX) return blank(found, root)
  const left = new Set(Object.values(found['x-oneof'] ?? {}).flatMap((names) => names.slice(1)))
  const given: Members = {}
  for (const [name, field] of Object.entries(found.properties ?? {})) {
    if (!left.has(name)) given[name] = example(field, root, depth + 1)
  }
  return given
}

/** What a message's form shows, in its order: a field, or a oneof where its first member is. */
export type Row =
  | { kind: 'field'; name: string; schema: Schema }
  | { kind: 'oneof'; name: string; members: string[] }

export function rowsOf(message: Schema): Row[] {
  const oneofs = Object.entries(message['x-oneof'] ?? {})
  const rows: Row[] = []
  for (const [name, schema] of Object.entries(message.properties ?? {})) {
    const oneof = oneofs.find(([, members]) => members.includes(name))
    if (oneof === undefined) rows.push({ kind: 'field', name, schema })
    else if (oneof[1][0] === name) rows.push({ kind: 'oneof', name: oneof[0], members: oneof[1] })
  }
  return rows
}

/** The member of a oneof that is set; null if none is. */
export function chosen(value: Json | undefined, members: readonly string[]): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return members.find((name) => value[name] !== undefined && value[name] !== null) ?? null
}
