import {
  Button,
  Checkbox,
  FileButton,
  Group,
  Select,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import { ChevronDown, ChevronUp } from 'lucide-react'
import { useState } from 'react'
import type { Json } from '../api/types'
import { absolute } from '../parts/time'
import { base64Of, sizeOfBase64, sizeText } from './bytes'
import { type FieldProps, useFault, useForm } from './context'
import { shown, typed } from './numbers'
import { kindOf } from './schema'

export function TextField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  return (
    <Textarea
      autosize
      minRows={1}
      maxRows={8}
      label={label}
      value={shown(value)}
      onChange={(event) => change(steps, event.currentTarget.value)}
      error={useFault(path)}
    />
  )
}

/** Any number; what is none is sent as it is, so that the server's own sentence is seen here. */
export function NumberField({ schema, value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  const isWhole = kindOf(schema) !== 'number'
  const step = (by: number) => {
    const now = typed(shown(value)) ?? 0
    if (typeof now === 'number') change(steps, now + by)
  }
  return (
    <TextInput
      label={label}
      inputMode={isWhole ? 'numeric' : 'decimal'}
      value={shown(value)}
      placeholder="0"
      onChange={(event) => change(steps, typing(event.currentTarget.value))}
      onBlur={(event) => change(steps, typed(event.currentTarget.value))}
      rightSection={isWhole ? <Steppers onStep={step} /> : null}
      error={useFault(path)}
    />
  )
}

/** While it is typed `1.` or `1e` must stay on screen; once it is left it is read as a number. */
function typing(text: string) {
  const number = typed(text)
  return typeof number === 'number' && String(number) === text ? number : text || undefined
}

function Steppers({ onStep }: { onStep: (by: number) => void }) {
  // For the mouse alone: who types a number has no need of them.
  return (
    <span className="ax-form-steppers" aria-hidden>
      <button type="button" tabIndex={-1} onClick={() => onStep(1)}>
        <ChevronUp size={12} />
      </button>
      <button type="button" tabIndex={-1} onClick={() => onStep(-1)}>
        <ChevronDown size={12} />
      </button>
    </span>
  )
}

export function BooleanField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  return (
    <Checkbox
      className="ax-form-check"
      label={label}
      checked={value === true}
      onChange={(event) => change(steps, event.currentTarget.checked)}
      error={useFault(path)}
    />
  )
}

export function ChoiceField({ schema, value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  const known = (schema.enum ?? []).map(String)
  const current = value === undefined || value === null ? null : String(value)
  const data = current === null || known.includes(current) ? known : [...known, current]
  return (
    <Select
      label={label}
      placeholder={known[0] ?? ''}
      data={data}
      value={current}
      onChange={(next) => change(steps, next ?? undefined)}
      allowDeselect={false}
      searchable={known.length > 8}
      error={useFault(path)}
    />
  )
}

export function BytesField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  const text = shown(value)
  const load = async (file: File | null) => {
    if (file) change(steps, base64Of(new Uint8Array(await file.arrayBuffer())))
  }
  return (
    <div className="ax-form-wide">
      <Textarea
        autosize
        minRows={1}
        maxRows={4}
        label={label}
        description="Base64"
        value={text}
        classNames={{ input: 'ax-form-mono' }}
        onChange={(event) => change(steps, event.currentTarget.value)}
        error={useFault(path)}
      />
      <Group gap="xs" mt={6}>
        <FileButton onChange={load}>
          {(props) => (
            <Button {...props} variant="default" size="compact-xs">
              From a file
            </Button>
          )}
        </FileButton>
        <Text size="xs" c="dimmed">
          {sizeText(sizeOfBase64(text))}
        </Text>
      </Group>
    </div>
  )
}

export function MomentField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  const text = shown(value)
  const isMoment = text !== '' && !Number.isNaN(Date.parse(text))
  return (
    <TextInput
      label={label}
      description={isMoment ? absolute(text) : 'RFC 3339, such as 2026-01-31T12:00:00Z'}
      value={text}
      classNames={{ input: 'ax-form-mono' }}
      onChange={(event) => change(steps, event.currentTarget.value || undefined)}
      rightSectionWidth={52}
      rightSection={
        <Button
          variant="subtle"
          size="compact-xs"
          aria-label={`Now for ${label}`}
          onClick={() => change(steps, new Date().toISOString())}
        >
          Now
        </Button>
      }
      error={useFault(path)}
    />
  )
}

export function DurationField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  return (
    <TextInput
      label={label}
      description="Seconds, such as 1.5s"
      value={shown(value)}
      onChange={(event) => change(steps, event.currentTarget.value || undefined)}
      error={useFault(path)}
    />
  )
}

export function NullField({ label }: FieldProps) {
  return <TextInput label={label} value="null" disabled />
}

/** What has no fields of its own: any JSON, taken once it can be read. */
export function FreeField({ value, label, path, steps }: FieldProps) {
  const { change } = useForm()
  // What was typed counts only for the value that it was typed for: items move when one goes.
  const [draft, setDraft] = useState<{ text: string; of: Json | undefined } | null>(null)
  const isDraft = draft !== null && draft.of === value
  const stored = value === undefined ? '' : JSON.stringify(value, null, 2)
  const text = isDraft ? draft.text : stored
  const fault = useFault(path)
  const edit = (next: string) => {
    const read = readJson(next)
    if (read !== BROKEN) change(steps, read)
    setDraft({ text: next, of: read === BROKEN ? value : read })
  }
  const isBroken = readJson(text) === BROKEN
  return (
    <Textarea
      className="ax-form-wide"
      autosize
      minRows={2}
      maxRows={12}
      label={label}
      description="JSON"
      value={text}
      classNames={{ input: 'ax-form-mono' }}
      onChange={(event) => edit(event.currentTarget.value)}
      error={isBroken ? 'This is no JSON yet: the last value that was stays.' : fault}
    />
  )
}

const BROKEN = Symbol('broken')

function readJson(text: string): Json | undefined | typeof BROKEN {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return BROKEN
  }
}
