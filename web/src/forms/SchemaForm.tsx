import type { Json, Problem, Schema } from '../api/types'

export interface SchemaFormProps {
  schema: Schema
  value: Json
  onChange: (value: Json) => void
  problems: readonly Problem[]
  /** What the server calls the whole value in the paths of its problems: `input`, `value`. */
  rootPath: string
}

/** A form for a message. */
export function SchemaForm(_: SchemaFormProps) {
  return null
}
