import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { admin } from '../api/client'
import type { Usage } from '../api/consoleTypes'
import { STATUSES } from '../api/types'
import { Moment } from '../parts/Moment'
import { StatusBadge } from '../parts/StatusBadge'
import classes from './console.module.css'
import { Answer, Section, Subject } from './parts'

const POLL_MS = 5_000
const count = (number: number) => number.toLocaleString('en')

/** What a tenant uses, and what it may use. */
export function UsagePage() {
  const usage = useQuery({
    queryKey: ['usage'],
    queryFn: admin.usage,
    refetchInterval: ({ state }) => (state.error ? false : POLL_MS),
  })
  return (
    <Subject title="Usage" about="What this tenant has running and waiting, and what it may have.">
      {usage.data ? (
        <Shown usage={usage.data} />
      ) : (
        <Section title="Now">
          <Answer query={usage}>{() => null}</Answer>
        </Section>
      )}
    </Subject>
  )
}

function Shown({ usage }: { usage: Usage }) {
  const shown = STATUSES.filter((status) => (usage.executions[status] ?? 0) > 0)
  return (
    <>
      <Section title="Now">
        <dl className={classes.numbers}>
          <Figure name="Running" number={usage.running} />
          <Figure name="Queued" number={usage.queued} />
        </dl>
      </Section>
      <Section title="Executions that are kept">
        <dl className={classes.numbers}>
          {shown.length === 0 && <Figure name="Executions" number={0} />}
          {shown.map((status) => (
            <div key={status}>
              <dt>
                <Link to="/executions" search={{ status } as never} className={classes.quiet}>
                  <StatusBadge status={status} />
                </Link>
              </dt>
              <dd>{count(usage.executions[status] ?? 0)}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section title="Accepted per day">
        <Days days={[...usage.days].sort((a, b) => a.day.localeCompare(b.day))} />
      </Section>
      <Section title="Limits in force">
        <dl className={classes.facts} data-wide>
          {Object.entries(usage.limits).map(([name, limit]) => (
            <div key={name} className={classes.fact}>
              <dt>{wordsOf(name)}</dt>
              <dd>{limit === null ? 'none' : count(limit)}</dd>
            </div>
          ))}
        </dl>
      </Section>
      {usage.counted_at && (
        <p className="ax-dim">
          Counted <Moment at={usage.counted_at} />
          {usage.complete === false && ', and not to the end yet'}
        </p>
      )}
    </>
  )
}

function Figure({ name, number }: { name: string; number: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{count(number)}</dd>
    </div>
  )
}

/** `running_max` as words. */
function wordsOf(name: string): string {
  const text = name.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function Days({ days }: { days: Usage['days'] }) {
  const most = Math.max(1, ...days.map((day) => day.accepted))
  const first = days[0]?.day
  const last = days.at(-1)?.day
  return (
    <>
      <ol className={classes.days} aria-label="Accepted per day">
        {days.map(({ day, accepted }) => (
          <li key={day} title={`${day}: ${count(accepted)}`}>
            <span className="ax-unseen">
              {day}: {count(accepted)}
            </span>
            <i style={{ height: `${(accepted / most) * 100}%` }} aria-hidden />
          </li>
        ))}
      </ol>
      <div className={classes.daysEnds} aria-hidden>
        <span>{first}</span>
        <span>{count(most)} at most</span>
        <span>{last}</span>
      </div>
    </>
  )
}
