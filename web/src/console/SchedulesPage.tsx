import { Button, Menu, Table } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { MoreHorizontal } from 'lucide-react'
import { Fragment, useState } from 'react'
import { admin } from '../api/client'
import type { Schedule } from '../api/consoleTypes'
import { sentence } from '../api/errors'
import { Blank } from '../parts/Blank'
import { TimeOf } from '../parts/Moment'
import classes from './console.module.css'
import { AddButton, Answer, Confirmed, Section, Subject, useChange } from './parts'
import { Actions, Opener, Rows, useFirst } from './Rows'
import { ScheduleDetails } from './ScheduleDetails'
import { ScheduleDialog } from './ScheduleDialog'
import { timingText } from './timing'
import { Word } from './Word'

const SCHEDULES = ['schedules'] as const
const POLL_MS = 5_000
/** From so many on the box has work to do with each reading. */
const MANY = 200
const POLL_OF_MANY_MS = 30_000

/** Flows that are invoked by the clock. */
export function SchedulesPage() {
  const schedules = useQuery({
    queryKey: SCHEDULES,
    queryFn: admin.schedules,
    refetchInterval: ({ state }) =>
      state.error ? false : (state.data?.length ?? 0) > MANY ? POLL_OF_MANY_MS : POLL_MS,
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
      <Section title="Schedules" isAlone>
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
  const { first, more } = useFirst(props.rows)
  const [open, setOpen] = useState<string | null>(null)
  if (props.rows.length === 0)
    return (
      <Blank
        title="No schedules"
        text="Add one to have a flow invoked by the clock: here, or from a terminal with"
        command='axiomd schedules add acme/report --name nightly --cron "30 4 * * *"'
      />
    )
  const columns = ['Name', 'State', 'When', 'Next', 'Last', '']
  return (
    <>
      <Rows label="Schedules" columns={columns}>
        {first.map((row) => {
          const { schedule_id: id } = row
          return (
            <Fragment key={id}>
              <ScheduleRow
                schedule={row}
                isOpen={open === id}
                onToggle={() => setOpen(open === id ? null : id)}
                onEdit={() => props.onEdit(row)}
              />
              {open === id && (
                <Table.Tr>
                  <Table.Td colSpan={columns.length}>
                    <ScheduleDetails schedule={row} />
                  </Table.Td>
                </Table.Tr>
              )}
            </Fragment>
          )
        })}
      </Rows>
      {more}
    </>
  )
}

interface RowProps {
  schedule: Schedule
  isOpen: boolean
  onToggle: () => void
  onEdit: () => void
}

function ScheduleRow({ schedule, isOpen, onToggle, onEdit }: RowProps) {
  const { name, graph_id, flow } = schedule
  return (
    <Table.Tr>
      <Table.Td className={classes.name}>
        <div className={classes.opened}>
          <Opener isOpen={isOpen} label={`Details of ${name}`} onToggle={onToggle} />
          <div>
            <Link
              className={classes.named}
              to="/flows/$graphId"
              params={{ graphId: graph_id }}
              title={graph_id}
            >
              {name}
            </Link>
            <div className="ax-dim">{flow}</div>
          </div>
        </div>
      </Table.Td>
      <Table.Td>
        <State schedule={schedule} />
      </Table.Td>
      <Table.Td>
        <When schedule={schedule} />
      </Table.Td>
      <Table.Td>
        <TimeOf at={schedule.paused ? null : schedule.next_at} />
      </Table.Td>
      <Table.Td>
        <Last schedule={schedule} />
      </Table.Td>
      <ScheduleActions schedule={schedule} onEdit={onEdit} />
    </Table.Tr>
  )
}

function State({ schedule: { paused, next_at } }: { schedule: Schedule }) {
  if (paused) return <Word tone="queued">Paused</Word>
  if (next_at === null) return <Word tone="cancelled">Over</Word>
  return <Word tone="completed">Active</Word>
}

function When({ schedule }: { schedule: Schedule }) {
  const { cron, time_zone } = schedule
  return (
    <>
      <div className={`ax-mono ${classes.nowrap}`}>
        {timingText({ ...schedule, time_zone: null })}
      </div>
      {cron !== null && <div className={classes.below}>{time_zone}</div>}
    </>
  )
}

function Last({ schedule }: { schedule: Schedule }) {
  const { last_at, last_execution_id, last_error } = schedule
  return (
    <>
      {last_execution_id === null ? (
        <TimeOf at={last_at} none="never" />
      ) : (
        <Link
          className={classes.quiet}
          to="/executions/$executionId"
          params={{ executionId: last_execution_id }}
        >
          <TimeOf at={last_at} />
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
