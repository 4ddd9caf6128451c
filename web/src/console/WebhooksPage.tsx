import { Button, Checkbox, Stack, Table, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { admin } from '../api/client'
import { WEBHOOK_EVENTS, type Webhook } from '../api/consoleTypes'
import { Blank } from '../parts/Blank'
import { TimeOf } from '../parts/Moment'
import classes from './console.module.css'
import { Deliveries } from './Deliveries'
import { faultAt } from './faults'
import { readHeaders } from './headers'
import { Answer, Confirmed, FormDialog, Section, Subject, useChange } from './parts'
import { Actions, Rows, useFirst } from './Rows'
import { SigningSecretSection } from './SigningSecret'
import { Names, Word } from './Word'

const WEBHOOKS = ['webhooks'] as const

/** Who is told of what happens, and what came of it. */
export function WebhooksPage() {
  const webhooks = useQuery({ queryKey: WEBHOOKS, queryFn: admin.webhooks })
  const [isAdding, setAdding] = useState(false)
  return (
    <Subject
      title="Webhooks"
      about="Receivers that are told when executions end or wait for a person. Messages are signed, and sent again until they are taken."
      action={
        <Button leftSection={<Plus size={15} />} onClick={() => setAdding(true)}>
          Add webhook
        </Button>
      }
    >
      <Section title="Receivers">
        <Answer query={webhooks}>{(rows) => <Receivers rows={rows} />}</Answer>
      </Section>
      <Deliveries />
      <SigningSecretSection />
      {isAdding && <AddWebhook onClose={() => setAdding(false)} />}
    </Subject>
  )
}

function Receivers({ rows }: { rows: readonly Webhook[] }) {
  const { first, more } = useFirst(rows)
  const remove = useChange((id: string) => admin.unsubscribe(id), WEBHOOKS)
  if (rows.length === 0)
    return (
      <Blank
        title="Nobody is told"
        text="Add a webhook to have a URL called when something ends or waits: here, or from a terminal with"
        command="axiomd webhooks add https://hooks.example/axiomd --event execution_failed"
      />
    )
  return (
    <>
      <Rows label="Webhooks" columns={['URL', 'Events', 'Headers', 'Created', '']}>
        {first.map((row) => (
          <Table.Tr key={row.webhook_id}>
            <Table.Td className={classes.long}>
              {row.url} {row.stopped_at && <Word tone="failed">Stopped</Word>}
            </Table.Td>
            <Table.Td>
              <Names names={row.events} />
            </Table.Td>
            <Table.Td>
              <Names names={row.headers} />
            </Table.Td>
            <Table.Td>
              <TimeOf at={row.created_at} />
            </Table.Td>
            <Actions>
              <Confirmed
                label="Remove"
                name={row.url}
                title="Remove this webhook?"
                confirm="Remove"
                act={() => remove.mutateAsync(row.webhook_id)}
              >
                {row.url} is told nothing more. What was delivered stays in the list.
              </Confirmed>
            </Actions>
          </Table.Tr>
        ))}
      </Rows>
      {more}
    </>
  )
}

function AddWebhook({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState('')
  const [events, setEvents] = useState<string[]>([...WEBHOOK_EVENTS])
  const [text, setText] = useState('')
  const headers = readHeaders(text)
  const add = useChange(admin.subscribe, WEBHOOKS)
  const submit = () =>
    headers !== null && add.mutate({ url: url.trim(), events, headers }, { onSuccess: onClose })
  return (
    <FormDialog
      title="Add a webhook"
      submit="Add"
      isPending={add.isPending}
      isReady={url.trim() !== '' && events.length > 0 && headers !== null}
      failure={add.error}
      fields={['url', 'events', 'headers']}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextInput
        label="URL"
        placeholder="https://example.com/hooks/axiomd"
        data-autofocus
        value={url}
        error={faultAt(add.error, 'url')}
        onChange={(event) => setUrl(event.currentTarget.value)}
      />
      <Checkbox.Group
        label="Events"
        value={events}
        error={faultAt(add.error, 'events')}
        onChange={setEvents}
      >
        <Stack gap={6} mt={6}>
          {WEBHOOK_EVENTS.map((event) => (
            <Checkbox key={event} value={event} label={event} size="sm" />
          ))}
        </Stack>
      </Checkbox.Group>
      <Textarea
        label="Headers"
        description="One a line, such as X-Team: orders. Their values are not shown again."
        autosize
        minRows={2}
        value={text}
        error={
          headers === null
            ? 'Each line needs a name, a colon and a value.'
            : faultAt(add.error, 'headers')
        }
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </FormDialog>
  )
}
