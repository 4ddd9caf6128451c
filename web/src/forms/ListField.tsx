import { ActionIcon, Button, Stack, Text } from '@mantine/core'
import { Plus, Trash2 } from 'lucide-react'
import type { Json } from '../api/types'
import { type FieldProps, useForm } from './context'
import { Faults } from './Faults'
import { Field } from './Field'
import { below } from './paths'
import { blank, resolve, shortName } from './schema'

/** A repeated field. */
export function ListField({ schema, value, label, path, steps, around }: FieldProps) {
  const { root, change } = useForm()
  const items: readonly Json[] = Array.isArray(value) ? value : []
  const item = schema.items ?? {}
  return (
    <fieldset className="ax-form-group">
      <legend>
        {label} <span className="ax-form-type">{typeText(shortName(resolve(item, root)))}</span>
      </legend>
      <Stack gap="xs">
        <Faults path={path} />
        {items.length === 0 && (
          <Text size="sm" c="dimmed">
            No items.
          </Text>
        )}
        {items.map((one, index) => (
          <div className="ax-form-item" key={index}>
            <Field
              schema={item}
              value={one}
              label={`${label} ${index + 1}`}
              path={below(path, index)}
              steps={[...steps, index]}
              isElement
              around={around}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Remove ${label} ${index + 1}`}
              onClick={() => change([...steps, index], undefined)}
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
          onClick={() => change([...steps, items.length], blank(item, root))}
        >
          Add to {label}
        </Button>
      </Stack>
    </fieldset>
  )
}

function typeText(name: string): string {
  return name ? `list of ${name}` : 'list'
}
