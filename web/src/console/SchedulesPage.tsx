import { Button, Menu, Table } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { MoreHorizontal } from 'lucide-react'
import { useState } from 'react'
import { admin } from '../api/client'
import type { Schedule } from '../api/consoleTypes'
import { sentence } from '../api/errors'
import { Blank } from '../parts/Blank'
import { Moment } from '../parts/Moment'
import classes from './console.module.css'
import { AddButton, Answer, Confirmed, Section, Subject, useChange } from './parts'
import { Actions, Rows } from './Rows'
import { ScheduleDialog } from './ScheduleDialog'
import { timingText } from './timing'
import { Word } from './Word'

const SCHEDULES = ['schedules'] as const
const POLL_MS = 5_000

/** Flows that are invoked by the clock. */
export function SchedulesPage() {
  const schedules = useQuery({
    queryKey: SCHEDULES,
    queryFn: admin.schedules,
    refetchInterval: ({ state }) => (state.error ? false : POLL_MS),
  })
  const [edited, setEdited] = useState<Schedule | 'new' | null>(null)
  return (
    <Subject
      title="Schedules"
      about="Artifacts that are invoked at the times of a cron expression, or every so many seconds."
      action={
        <AddButton query={schedules} onAdd={() => setEdited('new')}>
          Add schedule
        </AddButton>
      }
    >
      <Section title="Schedules">
        <Answer query={schedules}>{(rows) => <Found rows={rows} onEdit={setEdited} />}</Answer>
      </Section>
      {edited !== null && (
        <ScheduleDialog
          schedule={edited === 'new' ? null : edited}
          queryKey={SCHEDULES}
          onClose={() => setEdited(null)}
        />
      )}
    </Subject>
  )
}

function Found(props: { rows: readonly Schedule[]; onEdit: (schedule: Schedule) => void }) {
  if (props.rows.length === 0)
    return <Blank title="No schedules" text="Add one to have a flow invoked by the clock." />
  return (
    <Rows label="Schedules" columns={['Name', 'State', 'When', 'Next', 'Last', '']}>
      {props.rows.map((row) => (
        <Table.Tr key={row.schedule_id}>
          <Table.Td>
            <Link
              className={classes.named}
              to="/flows/$graphId"
              params={{ graphId: row.graph_id }}
              title={row.graph_id}
            >
              {row.name}
            </Link>
            <div className="ax-dim">{row.flow}</div>
          </Table.Td>
          <Table.Td>
            <Word tone={row.paused ? 'queued' : 'completed'}>
              {row.paused ? 'Paused' : 'Active'}
            </Word>
          </Table.Td>
          <Table.Td className="ax-mono">{timingText(row)}</Table.Td>
          <Table.Td>
            <Moment at={row.paused ? null : row.next_at} />
          </Table.Td>
          <Table.Td>
            <Last schedule={row} />
          </Table.Td>
          <ScheduleActions schedule={row} onEdit={() => props.onEdit(row)} />
        </Table.Tr>
      ))}
    </Rows>
  )
}

function Last({ schedule }: { schedule: Schedule }) {
  const { last_at, last_execution_id, last_error } = schedule
  return (
    <>
      {last_execution_id === null ? (
        <Moment at={last_at} />
      ) : (
        <Link
          className={classes.quiet}
          to="/executions/$executionId"
          params={{ executionId: last_execution_id }}
        >
          <Moment at={last_at} />
        </Link>
      )}
      {last_error !== null && <div className={classes.bad}>{last_error}</div>}
    </>
  )
}

function ScheduleActions({ schedule, onEdit }: { schedule: Schedule; onEdit: () => void }) {
  const { schedule_id: id, name, paused } = schedule
  const act = useChange(
    (wanted: 'pause' | 'resume' | 'trigger') => admin.actOnSchedule(id, wanted),
    SCHEDULES,
  )
  const remove = useChange(() => admin.deleteSchedule(id), SCHEDULES)
  const run = (wanted: 'pause' | 'resume' | 'trigger') =>
    act.mutate(wanted, {
      onError: (failure) =>
        notifications.show({ color: 'red', title: 'Not done', message: sentence(failure) }),
      onSuccess: () =>
        wanted === 'trigger' &&
        notifications.show({ color: 'teal', title: 'Triggered', message: name }),
    })
  return (
    <Actions>
      <Button
        variant="default"
        size="xs"
        aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`}
        onClick={() => run(paused ? 'resume' : 'pause')}
      >
        {paused ? 'Resume' : 'Pause'}
      </Button>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button variant="default" size="xs" px={8} aria-label={`More for ${name}`}>
            <MoreHorizontal size={14} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => run('trigger')}>Trigger now</Menu.Item>
          <Menu.Item onClick={onEdit}>Edit</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Confirmed
        label="Delete"
        name={name}
        title={`Delete the schedule ${name}?`}
        confirm="Delete"
        act={() => remove.mutateAsync(undefined)}
      >
        It is not invoked again. Its executions stay.
      </Confirmed>
    </Actions>
  )
}
