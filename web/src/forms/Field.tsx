import type { ComponentType } from 'react'
import { type FieldProps, useForm } from './context'
import { ListField } from './ListField'
import { MapField } from './MapField'
import { MessageField } from './MessageFields'
import {
  BooleanField,
  BytesField,
  ChoiceField,
  DurationField,
  FreeField,
  MomentField,
  NullField,
  NumberField,
  TextField,
} from './scalars'
import { type Kind, kindOf, resolve } from './schema'

const FIELDS: Record<Kind, ComponentType<FieldProps>> = {
  text: TextField,
  integer: NumberField,
  long: NumberField,
  number: NumberField,
  boolean: BooleanField,
  choice: ChoiceField,
  bytes: BytesField,
  moment: MomentField,
  duration: DurationField,
  null: NullField,
  message: MessageField,
  map: MapField,
  list: ListField,
  free: FreeField,
}

/** The field for one value, by what its schema says. */
export function Field(props: FieldProps) {
  const schema = resolve(props.schema, useForm().root)
  const Kind = FIELDS[kindOf(schema)]
  return <Kind {...props} schema={schema} />
}
