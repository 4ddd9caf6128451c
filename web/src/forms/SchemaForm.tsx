import { Stack } from '@mantine/core'
import { useEffect, useMemo, useRef } from 'react'
import type { Json, Problem, Schema } from '../api/types'
import { FormContext } from './context'
import { Faults } from './Faults'
import { Field } from './Field'
import { MessageRows } from './MessageFields'
import { type Step, write } from './paths'
import { fieldPaths, place } from './problems'
import { kindOf, resolve } from './schema'
import './forms.css'

export interface SchemaFormProps {
  schema: Schema
  value: Json
  onChange: (value: Json) => void
  problems: readonly Problem[]
  /** What the server calls the whole value in the paths of its problems: `input`, `value`. */
  rootPath: string
}

/** A form for a message, with each problem of the server at the field that it names. */
export function SchemaForm({ schema, value, onChange, problems, rootPath }: SchemaFormProps) {
  const known = useMemo(() => resolve(schema, schema), [schema])
  const placed = useMemo(
    () => place(problems, fieldPaths(schema, value, rootPath), rootPath),
    [problems, schema, value, rootPath],
  )
  // Two edits within one rendering must not undo each other.
  const latest = useRef(value)
  latest.current = value
  const change = (steps: readonly Step[], next: Json | undefined) => {
    latest.current = write(latest.current, steps, next) ?? {}
    onChange(latest.current)
  }
  const form = useFocusOnFault(problems)
  const around = { schema: known, value, path: rootPath, steps: [], around: [] }
  return (
    <FormContext value={{ root: schema, placed, change }}>
      <div ref={form}>
        {kindOf(known) === 'message' ? (
          <Stack gap="sm">
            <Faults path={rootPath} />
            <MessageRows {...around} />
          </Stack>
        ) : (
          <Field {...around} label={rootPath} />
        )}
      </div>
    </FormContext>
  )
}

/** Once the server has found faults, the first of them is where one goes on. */
function useFocusOnFault(problems: readonly Problem[]) {
  const form = useRef<HTMLDivElement>(null)
  const said = problems.map(({ path, message }) => `${path} ${message}`).join('\n')
  useEffect(() => {
    if (said === '') return
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [said])
  return form
}
