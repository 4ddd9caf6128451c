import { ActionIcon, Button, Stack, Text, TextInput } from '@mantine/core'
import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { type FieldProps, useForm } from './context'
import { Faults } from './Faults'
import { Field } from './Field'
import { below, isMembers, type Members } from './paths'
import { blank } from './schema'

/** A map: entries with a key of their own. */
export function MapField({ schema, value, label, path, steps, around }: FieldProps) {
  const { root, change } = useForm()
  const entries = isMembers(value) ? value : {}
  const element = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
  return (
    <fieldset className="ax-form-group">
      <legend>
        {label} <span className="ax-form-type">map</span>
      </legend>
      <Stack gap="xs">
        <Faults path={path} />
        {Object.keys(entries).length === 0 && (
          <Text size="sm" c="dimmed">
            No entries.
          </Text>
        )}
        {Object.entries(entries).map(([key, one], index) => (
          // By place: a key that is typed anew must not take the focus away.
          <div className="ax-form-entry" key={`${index}`}>
            <KeyField
              label={`${label} key`}
              name={key}
              taken={(name) => Object.hasOwn(entries, name)}
              onRename={(name) => change(steps, renamed(entries, key, name))}
            />
            <Field
              schema={element}
              value={one}
              label={key || 'value'}
              path={below(path, key)}
              steps={[...steps, key]}
              isElement
              around={around}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              mt={26}
              aria-label={`Remove ${label} ${key}`}
              onClick={() => change([...steps, key], undefined)}
            >
              <Trash2 size={16} />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="default"
          size="xs"
          className="ax-form-add"
          leftSection={<Plus size={14} />}
          onClick={() => change([...steps, freshKey(entries)], blank(element, root))}
        >
          Add to {label}
        </Button>
      </Stack>
    </fieldset>
  )
}

interface KeyProps {
  label: string
  name: string
  taken: (name: string) => boolean
  onRename: (name: string) => void
}

/** A key counts once it has been typed whole: half of one may be another entry's. */
function KeyField({ label, name, taken, onRename }: KeyProps) {
  const [draft, setDraft] = useState({ text: name, of: name })
  const text = draft.of === name ? draft.text : name
  const isTaken = text !== name && taken(text)
  const commit = () => {
    if (text !== name && !isTaken) onRename(text)
  }
  return (
    <TextInput
      label={label}
      value={text}
      onChange={(event) => setDraft({ text: event.currentTarget.value, of: name })}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
      error={isTaken ? 'There is such a key already.' : null}
    />
  )
}

function renamed(entries: Members, old: string, name: string): Members {
  const all = Object.entries(entries)
  return Object.fromEntries(all.map(([key, value]) => [key === old ? name : key, value]))
}

function freshKey(entries: Members): string {
  let number = Object.keys(entries).length + 1
  while (Object.hasOwn(entries, `key_${number}`)) number += 1
  return `key_${number}`
}
