import { createContext, useContext } from 'react'
import type { Json, Schema } from '../api/types'
import type { Step } from './paths'
import type { Placed } from './problems'

export interface Form {
  root: Schema
  placed: Placed
  change: (steps: readonly Step[], next: Json | undefined) => void
}

export const FormContext = createContext<Form | null>(null)

/** The form that a field is in. */
export function useForm(): Form {
  const form = useContext(FormContext)
  if (form === null) throw new Error('A field is in no form.')
  return form
}

/** What every field is given. */
export interface FieldProps {
  schema: Schema
  value: Json | undefined
  label: string
  /** As the server says it in problems. */
  path: string
  steps: readonly Step[]
  /** The messages around it, by full name: one that holds itself is not drawn for ever. */
  around: readonly string[]
  /** Whether it is an item of a list or an entry of a map, and not a member of a message. */
  isElement?: boolean
}

/** What is wrong with one field, as Mantine's inputs take it. */
export function useFault(path: string): string | null {
  const found = useForm().placed.get(path)
  return found ? found.join('\n') : null
}
