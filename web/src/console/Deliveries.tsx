import { Button, SegmentedControl, Table } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Fragment, useState } from 'react'
import { admin } from '../api/client'
import {
  DELIVERY_STATUSES,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryStatus,
} from '../api/consoleTypes'
import { sentence } from '../api/errors'
import { Blank } from '../parts/Blank'
import { Moment, TimeOf } from '../parts/Moment'
import { absolute, durationText } from '../parts/time'
import classes from './console.module.css'
import { Answer, Section, useChange } from './parts'
import { Actions, Older, Opener, pollPages, Rows } from './Rows'
import { type Tone, Word } from './Word'

const DELIVERIES = ['deliveries'] as const
const LOOKS: Record<DeliveryStatus, [Tone, string]> = {
  PENDING: ['running', 'Pending'],
  DELIVERED: ['completed', 'Delivered'],
  FAILED: ['failed', 'Failed'],
}

/** What was told to whom, with every attempt. */
export function Deliveries() {
  const { status } = useSearch({ from: '/shell/console/webhooks' })
  const navigate = useNavigate({ from: '/console/webhooks' })
  const query = useInfiniteQuery({
    queryKey: [...DELIVERIES, status],
    queryFn: ({ pageParam }) => admin.deliveries(status, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: pollPages,
  })
  const choose = (value: string) =>
    void navigate({
      search: value === 'ALL' ? {} : { status: value as DeliveryStatus },
      replace: true,
    })
  return (
    <Section
      title="Deliveries"
      action={
        <SegmentedControl
          size="xs"
          aria-label="Status of deliveries"
          value={status ?? 'ALL'}
          onChange={choose}
          data={[
            { value: 'ALL', label: 'All' },
            ...DELIVERY_STATUSES.map((one) => ({ value: one, label: LOOKS[one][1] })),
          ]}
        />
      }
    >
      <Answer query={query}>
        {({ pages }) => <Found rows={pages.flatMap((page) => page.rows)} />}
      </Answer>
      <Older query={query} />
    </Section>
  )
}

function Found({ rows }: { rows: readonly Delivery[] }) {
  const [open, setOpen] = useState<string | null>(null)
  const redeliver = useRedeliver()
  if (rows.length === 0)
    return <Blank title="No deliveries" text="What is sent to a receiver is listed here." />
  const columns = ['Status', 'Attempts', 'Event', 'To', 'Execution', 'Created', '']
  return (
    <Rows label="Deliveries" columns={columns}>
      {rows.map((row) => (
        <Fragment key={row.delivery_id}>
          <Table.Tr>
            <Table.Td>
              <Word tone={LOOKS[row.status][0]}>{LOOKS[row.status][1]}</Word>
            </Table.Td>
            <Table.Td>
              <Opener
                isOpen={open === row.delivery_id}
                label={`${row.attempts.length} attempts of ${row.type} to ${row.to}`}
                disabled={row.attempts.length === 0}
                onToggle={() => setOpen(open === row.delivery_id ? null : row.delivery_id)}
              >
                {row.attempts.length}
              </Opener>
            </Table.Td>
            <Table.Td className={classes.nowrap}>{row.type}</Table.Td>
            <Table.Td className={classes.long}>{row.to}</Table.Td>
            <Table.Td>
              <Link
                className={classes.link}
                to="/executions/$executionId"
                params={{ executionId: row.execution_id }}
                title={row.execution_id}
              >
                {shortId(row.execution_id)}
              </Link>
            </Table.Td>
            <Table.Td>
              <TimeOf at={row.created_at} />
            </Table.Td>
            <Actions>
              <Button
                variant="default"
                size="xs"
                aria-label={`Redeliver ${row.type} to ${row.to}`}
                disabled={row.status === 'PENDING'}
                onClick={() => redeliver.mutate(row.delivery_id)}
              >
                Redeliver
              </Button>
            </Actions>
          </Table.Tr>
          {open === row.delivery_id && (
            <Table.Tr>
              <Table.Td colSpan={columns.length} p={0}>
                <Attempts delivery={row} />
              </Table.Td>
            </Table.Tr>
          )}
        </Fragment>
      ))}
    </Rows>
  )
}

/** IDs of the same minute begin alike: how it ends tells them apart. */
function shortId(id: string): string {
  return `${id.slice(0, 8)}…${id.slice(-4)}`
}

function Attempts({ delivery }: { delivery: Delivery }) {
  return (
    <ol className={classes.attempts} aria-label="Attempts">
      {delivery.attempts.map((attempt) => (
        <li key={attempt.at}>
          <span className="ax-mono">{absolute(attempt.at)}</span>{' '}
          <span className={attempt.error ? classes.bad : undefined}>{outcomeOf(attempt)}</span> in{' '}
          {durationText(attempt.ms)}
        </li>
      ))}
      {delivery.status === 'PENDING' && delivery.due_at !== null && (
        <li>
          Next: <Moment at={delivery.due_at} />
        </li>
      )}
    </ol>
  )
}

/** What came of it; an error that only names the status again is left out. */
function outcomeOf({ status_code, error }: DeliveryAttempt): string {
  if (status_code === null) return error ?? ''
  const isSaid = error === null || error.endsWith(String(status_code))
  return isSaid ? `HTTP ${status_code}` : `HTTP ${status_code}: ${error}`
}

function useRedeliver() {
  const change = useChange((id: string) => admin.redeliver(id), DELIVERIES)
  return {
    mutate: (id: string) =>
      change.mutate(id, {
        onSuccess: () =>
          notifications.show({ color: 'teal', title: 'It is told once more', message: id }),
        onError: (failure) =>
          notifications.show({
            color: 'red',
            title: 'Not delivered again',
            message: sentence(failure),
          }),
      }),
  }
}
