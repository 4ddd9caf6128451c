import { ActionIcon, Button, Stack, Text } from '@mantine/core'
import { Plus, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Faults } from './Faults'

interface GroupProps {
  label: string
  /** What kind of field it is. */
  type: string
  path: string
  /** What is said while there is nothing in it. */
  none: string
  children: readonly ReactNode[]
  onAdd: () => void
}

/** A field that holds any number of others: they are added below. */
export function Group({ label, type, path, none, children, onAdd }: GroupProps) {
  return (
    <fieldset className="ax-form-group">
      <legend>
        {label} <span className="ax-form-type">{type}</span>
      </legend>
      <Stack gap="xs">
        <Faults path={path} />
        {children.length === 0 && (
          <Text size="sm" c="dimmed">
            {none}
          </Text>
        )}
        {children}
        <Button
          variant="default"
          size="xs"
          className="ax-form-add"
          leftSection={<Plus size={14} />}
          onClick={onAdd}
        >
          Add to {label}
        </Button>
      </Stack>
    </fieldset>
  )
}

/** Takes one of them away. below: by how many pixels its field begins lower. */
export function Remove(props: { what: string; below?: number; onClick: () => void }) {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      mt={props.below ?? 0}
      aria-label={`Remove ${props.what}`}
      onClick={props.onClick}
    >
      <Trash2 size={16} />
    </ActionIcon>
  )
}
