import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { admin } from '../api/client'
import type { Schedule } from '../api/consoleTypes'
import { CopyText } from '../parts/CopyText'
import { JsonView } from '../parts/JsonView'
import { Moment } from '../parts/Moment'
import classes from './console.module.css'
import { CATCH_UP_WORDS, OVERLAP_WORDS } from './timing'

/** Everything about a schedule that its row has no room for. */
export function ScheduleDetails({ schedule }: { schedule: Schedule }) {
  return (
    <div className={classes.details}>
      <dl>
        <Detail name="Next times">
          {schedule.upcoming.length === 0 ? 'none' : <Times times={schedule.upcoming} />}
        </Detail>
        <Detail name="Starts">{bound(schedule.starts_at, 'at once')}</Detail>
        <Detail name="Ends">{bound(schedule.ends_at, 'never')}</Detail>
        {schedule.last_skipped_at !== null && (
          <Detail name="Skipped last">
            <Moment at={schedule.last_skipped_at} />
          </Detail>
        )}
        <Detail name="Changed">
          <Moment at={schedule.updated_at} />
        </Detail>
      </dl>
      <dl>
        <Detail name="Times that were missed">{CATCH_UP_WORDS[schedule.catch_up]}</Detail>
        <Detail name="While the last one goes on">{OVERLAP_WORDS[schedule.overlap]}</Detail>
        <Detail name="Flow config">
          <ConfigOf id={schedule.config_id} />
        </Detail>
        <Detail name="Priority">{schedule.priority}</Detail>
        <Detail name="Schedule">
          <CopyText text={schedule.schedule_id} label="schedule ID" />
        </Detail>
        <Detail name="Input">
          {schedule.input === null ? (
            <span className={classes.bad}>Its artifact is gone.</span>
          ) : (
            <JsonView value={schedule.input} />
          )}
        </Detail>
      </dl>
    </div>
  )
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function Times({ times }: { times: readonly string[] }) {
  return (
    <ol className={classes.times}>
      {times.map((at) => (
        <li key={at}>
          <Moment at={at} />
        </li>
      ))}
    </ol>
  )
}

function bound(at: string | null, none: string): ReactNode {
  return at === null ? <span className="ax-dim">{none}</span> : <Moment at={at} />
}

function ConfigOf({ id }: { id: string | null }) {
  const { data = [] } = useQuery({
    queryKey: ['configs'],
    queryFn: admin.configs,
    enabled: id !== null,
  })
  if (id === null) return <span className="ax-dim">none</span>
  const found = data.find(({ config_id }) => config_id === id)
  return (
    <>
      {found && `${found.profile} `}
      <CopyText text={id} label="config ID" />
    </>
  )
}
