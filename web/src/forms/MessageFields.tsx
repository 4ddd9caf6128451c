import { Badge, Button, Group, Select, Stack, Text } from '@mantine/core'
import { Plus } from 'lucide-react'
import { type FieldProps, useFault, useForm } from './context'
import { Faults } from './Faults'
import { Field } from './Field'
import { below, isMembers, read } from './paths'
import { blank, chosen, rowsOf, shortName } from './schema'

/** How many unset messages are drawn within each other before one has to be asked for. */
const UNSET_DRAWN_MAX = 3

/** The fields of a message, without a frame. */
export function MessageRows(props: Omit<FieldProps, 'label'>) {
  const { schema, value, path, steps } = props
  const around = [...props.around, schema.title ?? '']
  const rows = rowsOf(schema)
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        This message has no fields.
      </Text>
    )
  }
  const fields = rows.map((row) => {
    if (row.kind === 'oneof') {
      return (
        <OneofField
          key={row.name}
          {...props}
          around={around}
          name={row.name}
          members={row.members}
        />
      )
    }
    return (
      <Field
        key={row.name}
        schema={row.schema}
        label={row.name}
        value={isMembers(value) ? value[row.name] : undefined}
        path={below(path, row.name)}
        steps={[...steps, row.name]}
        around={around}
      />
    )
  })
  return <div className="ax-form-rows">{fields}</div>
}

/** A message in a message. What is typed into an unset one sets it. */
export function MessageField(props: FieldProps) {
  const { schema, value, label, path, steps, around, isElement } = props
  const { root, change } = useForm()
  const isSet = isMembers(value)
  const isMember = !isElement
  const waits = !isSet && (around.includes(schema.title ?? '') || around.length > UNSET_DRAWN_MAX)
  return (
    <fieldset className="ax-form-group">
      <legend>
        {label} <span className="ax-form-type">{shortName(schema)}</span>
      </legend>
      <Stack gap="sm">
        <Faults path={path} />
        {waits ? (
          <Button
            variant="default"
            size="xs"
            leftSection={<Plus size={14} />}
            onClick={() => change(steps, blank(schema, root))}
          >
            Set {label}
          </Button>
        ) : (
          <>
            {/* An item of a list or an entry of a map is taken away beside it. */}
            {isMember && (
              <Presence isSet={isSet} label={label} onClear={() => change(steps, undefined)} />
            )}
            <MessageRows {...props} />
          </>
        )}
      </Stack>
    </fieldset>
  )
}

function Presence(props: { isSet: boolean; label: string; onClear: () => void }) {
  return (
    <Group justify="flex-end" className="ax-form-presence">
      {props.isSet ? (
        <Button
          variant="subtle"
          color="gray"
          size="compact-xs"
          aria-label={`Clear ${props.label}`}
          onClick={props.onClear}
        >
          Clear
        </Button>
      ) : (
        <Badge variant="default" size="xs" tt="none">
          not set
        </Badge>
      )}
    </Group>
  )
}

type OneofProps = Omit<FieldProps, 'label'> & { name: string; members: string[] }

/** At most one of several fields. */
function OneofField({ schema, value, path, steps, around, name, members }: OneofProps) {
  const { root, change } = useForm()
  const current = chosen(value, members)
  const choose = (next: string | null) => {
    for (const member of members) {
      if (member !== next && read(value, [member]) !== undefined)
        change([...steps, member], undefined)
    }
    const field = next === null ? undefined : schema.properties?.[next]
    if (next !== null && next !== current && field) change([...steps, next], blank(field, root))
  }
  const fault = useFault(below(path, name))
  const field = current === null ? undefined : schema.properties?.[current]
  return (
    <Stack gap="xs" className="ax-form-wide">
      <Select
        label={name}
        description="one of these"
        placeholder="none"
        data={members}
        value={current}
        onChange={choose}
        clearable
        error={fault}
      />
      {current !== null && field && (
        <div className="ax-form-member">
          <Field
            schema={field}
            label={current}
            value={read(value, [current])}
            path={below(path, current)}
            steps={[...steps, current]}
            around={around}
          />
        </div>
      )}
    </Stack>
  )
}
