import type { Schema } from '../api/types'
import { kindOf, resolve, shortName } from '../forms/schema'
import classes from './flows.module.css'

const DEPTH_MAX = 8

/** The fields of a message, those of messages inside of it within each other. */
export function SchemaTree({ schema }: { schema: Schema }) {
  return <Fields schema={resolve(schema, schema)} root={schema} depth={0} />
}

function Fields({ schema, root, depth }: { schema: Schema; root: Schema; depth: number }) {
  const fields = Object.entries(schema.properties ?? {})
  if (fields.length === 0) return <p className="ax-dim">No fields.</p>
  return (
    <ul className={classes.fields}>
      {fields.map(([name, field]) => (
        <FieldLine
          key={name}
          name={name}
          schema={field}
          root={root}
          depth={depth}
          oneof={oneofOf(schema, name)}
        />
      ))}
    </ul>
  )
}

function oneofOf(schema: Schema, name: string): string | null {
  const oneofs = Object.entries(schema['x-oneof'] ?? {})
  return oneofs.find(([, members]) => members.includes(name))?.[0] ?? null
}

interface LineProps {
  name: string
  schema: Schema
  root: Schema
  depth: number
  oneof: string | null
}

function FieldLine({ name, schema, root, depth, oneof }: LineProps) {
  const inner = innermost(resolve(schema, root), root)
  const line = (
    <>
      <span className={classes.fieldName}>{name}</span>
      <span className={classes.fieldType}>{typeText(resolve(schema, root), root)}</span>
      {oneof !== null && <span className={classes.fieldNote}>one of {oneof}</span>}
    </>
  )
  if (kindOf(inner) === 'choice') {
    return (
      <li>
        {line}
        <div className={classes.fieldNote}>{(inner.enum ?? []).join(' · ')}</div>
      </li>
    )
  }
  if (kindOf(inner) !== 'message' || depth >= DEPTH_MAX) return <li>{line}</li>
  return (
    <li>
      <details>
        <summary>{line}</summary>
        <Fields schema={inner} root={root} depth={depth + 1} />
      </details>
    </li>
  )
}

/** What a list's items or a map's values are. */
function innermost(schema: Schema, root: Schema): Schema {
  if (schema.items) return innermost(resolve(schema.items, root), root)
  if (typeof schema.additionalProperties === 'object') {
    return innermost(resolve(schema.additionalProperties, root), root)
  }
  return schema
}

const WORDS: { [kind: string]: string } = {
  text: 'string',
  boolean: 'bool',
  moment: 'timestamp',
  duration: 'duration',
  free: 'any JSON',
}

function typeText(schema: Schema, root: Schema): string {
  const kind = kindOf(schema)
  if (kind === 'list' && schema.items) return `${typeText(resolve(schema.items, root), root)}[]`
  if (kind === 'map' && typeof schema.additionalProperties === 'object') {
    return `map of ${typeText(resolve(schema.additionalProperties, root), root)}`
  }
  if (kind === 'message' || kind === 'choice') return shortName(schema)
  return WORDS[kind] ?? schema.format ?? kind
}
