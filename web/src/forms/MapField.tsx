import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { type FieldProps, useForm } from './context'
import { Field } from './Field'
import { Group, Remove } from './Group'
import { below, isMembers, type Members } from './paths'
import { blank } from './schema'

/** A map: entries with a key of their own. */
export function MapField({ schema, value, label, path, steps, around }: FieldProps) {
  const { root, change } = useForm()
  const entries = isMembers(value) ? value : {}
  const element = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
  return (
    <Group
      label={label}
      type="map"
      path={path}
      none="No entries."
      onAdd={() => change([...steps, freshKey(entries)], blank(element, root))}
    >
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
          <Remove
            what={`${label} ${key}`}
            below={26}
            onClick={() => change([...steps, key], undefined)}
          />
        </div>
      ))}
    </Group>
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
