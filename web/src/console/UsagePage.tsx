import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { admin } from '../api/client'
import { LIMITS, type Usage } from '../api/consoleTypes'
import { STATUSES } from '../api/types'
import { OPERATOR, sessionQuery } from '../app/query'
import { Moment } from '../parts/Moment'
import { StatusBadge } from '../parts/StatusBadge'
import classes from './console.module.css'
import { LimitsDialog } from './LimitsDialog'
import { Answer, Section, Subject } from './parts'
import { TenantSelect } from './TenantSelect'
import { boundText, LIMIT_WORDS } from './tenantWords'

const POLL_MS = 5_000
const count = (number: number) => number.toLocaleString('en')

/** What a tenant uses, and what it may use. */
export function UsagePage() {
  const { tenant } = useSearch({ from: '/shell/console/usage' })
  const { data: session } = useQuery(sessionQuery)
  const navigate = useNavigate({ from: '/console/usage' })
  const [isChanging, setChanging] = useState(false)
  const isOperator = session?.tenant === OPERATOR
  const usage = useQuery({
    queryKey: ['usage', tenant],
    queryFn: () => admin.usage(tenant),
    refetchInterval: ({ state }) => (state.error ? false : POLL_MS),
  })
  return (
    <Subject
      title="Usage"
      about={`What ${tenant ?? 'this tenant'} has running and waiting, and what it may have.`}
      action={
        isOperator && (
          <TenantSelect
            label="Whose usage"
            value={tenant}
            onChange={(chosen) =>
              void navigate({ search: chosen ? { tenant: chosen } : {}, replace: true })
            }
          />
        )
      }
    >
      {usage.data ? (
        <Shown
          usage={usage.data}
          isOwn={tenant === undefined}
          onChangeLimits={isOperator ? () => setChanging(true) : undefined}
        />
      ) : (
        <Section title="Now" isAlone>
          <Answer query={usage} isOfOne={tenant !== undefined}>
            {() => null}
          </Answer>
        </Section>
      )}
      {isChanging && session && (
        <LimitsDialog tenant={tenant ?? session.tenant} onClose={() => setChanging(false)} />
      )}
    </Subject>
  )
}

interface ShownProps {
  usage: Usage
  /** Its executions can be looked at from here. */
  isOwn: boolean
  /** Undefined for who may not. */
  onChangeLimits: (() => void) | undefined
}

function Shown({ usage, isOwn, onChangeLimits }: ShownProps) {
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
                {isOwn ? (
                  <Link to="/executions" search={{ status } as never} className={classes.quiet}>
                    <StatusBadge status={status} />
                  </Link>
                ) : (
                  <StatusBadge status={status} />
                )}
              </dt>
              <dd>{count(usage.executions[status] ?? 0)}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section title="Accepted per day">
        <Days days={[...usage.days].sort((a, b) => a.day.localeCompare(b.day))} />
      </Section>
      <Section
        title="Limits in force"
        action={
          onChangeLimits && (
            <Button variant="default" size="xs" onClick={onChangeLimits}>
              Change
            </Button>
          )
        }
      >
        <dl className={classes.facts} data-wide>
          {LIMITS.map((name) => (
            <div key={name} className={classes.fact}>
              <dt>{LIMIT_WORDS[name]}</dt>
              <dd className={usage.limits[name] > 0 ? undefined : 'ax-dim'}>
                {boundText(name, usage.limits[name])}
              </dd>
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

function Days({ days }: { days: Usage['days'] }) {
  const most = Math.max(0, ...days.map((day) => day.accepted))
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
            {accepted > 0 && <i style={{ height: `${(accepted / most) * 100}%` }} aria-hidden />}
          </li>
        ))}
      </ol>
      <div className={classes.daysEnds} aria-hidden>
        <span>{first}</span>
        <span>the most on a day: {count(most)}</span>
        <span>{last}</span>
      </div>
    </>
  )
}
