import { Group, SegmentedControl, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import type { Json, Problem, Schema } from '../api/types'
import { SchemaForm } from './SchemaForm'
import { shortName } from './schema'

export interface MessageEditorProps {
  /** Null if nobody knows it: then there is JSON only. */
  schema: Schema | null
  value: Json
  onChange: (value: Json) => void
  problems: readonly Problem[]
  rootPath: string
  /** Whether what is typed as JSON can be read. */
  onReadable: (isReadable: boolean) => void
}

/** A message, as a form or as JSON; both edit the same value. */
export function MessageEditor(props: MessageEditorProps) {
  const { schema, value, onChange, problems, rootPath, onReadable } = props
  const [mode, setMode] = useState(schema === null ? 'json' : 'form')
  const choose = (next: string) => {
    setMode(next)
    onReadable(true)
  }
  return (
    <Stack gap="sm">
      {schema !== null && (
        <Group justify="space-between">
          <Text fw={600} className="ax-form-mono">
            {shortName(schema)}
          </Text>
          <SegmentedControl
            size="xs"
            aria-label="Edit as"
            value={mode}
            onChange={choose}
            data={[
              { value: 'form', label: 'Form' },
              { value: 'json', label: 'JSON' },
            ]}
          />
        </Group>
      )}
      {mode === 'form' && schema !== null ? (
        <SchemaForm {...{ schema, value, onChange, problems, rootPath }} />
      ) : (
        <JsonText {...{ value, onChange, problems, rootPath, onReadable }} />
      )}
    </Stack>
  )
}

function JsonText(props: Omit<MessageEditorProps, 'schema'>) {
  const { value, onChange, problems, rootPath, onReadable } = props
  const [text, setText] = useState(() => JSON.stringify(value, null, 2))
  const [fault, setFault] = useState<string | null>(null)
  const edit = (next: string) => {
    setText(next)
    try {
      onChange(JSON.parse(next))
      setFault(null)
      onReadable(true)
    } catch (failure) {
      setFault(failure instanceof Error ? failure.message : String(failure))
      onReadable(false)
    }
  }
  const said = problems.map(({ path, message }) => `${path}: ${message}`)
  return (
    <Textarea
      autosize
      minRows={6}
      maxRows={20}
      aria-label={`${rootPath} as JSON`}
      value={text}
      spellCheck={false}
      classNames={{ input: 'ax-form-mono', error: 'ax-form-fault' }}
      onChange={(event) => edit(event.currentTarget.value)}
      error={fault ?? (said.length > 0 ? said.join('\n') : null)}
    />
  )
}
