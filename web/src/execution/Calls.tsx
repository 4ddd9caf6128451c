import { Link } from '@tanstack/react-router'
import type { Event } from '../api/types'
import { durationText } from '../parts/time'
import classes from './panel.module.css'
import type { Call, Visit, Wait } from './replay/types'

interface Props {
  visit: Visit
  events: readonly Event[]
  length: number
  onTime: (t: number) => void
}

const WAITS: Record<Wait['kind'], string> = {
  gate: 'Waited for arms',
  pause: 'Paused for a person',
  retry: 'Waited for a retry',
  held: 'Held by the debugger',
  doubt: 'In doubt',
}

const OUTCOMES: Record<Call['outcome'], string> = {
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  timed_out: 'timed out',
  lost: 'lost',
  in_doubt: 'ended in doubt',
  stopped: 'stopped',
}

const COLOURS: Partial<Record<Call['outcome'], string>> = {
  running: '--ax-running',
  completed: '--ax-completed',
  stopped: '--ax-cancelled',
}

type Step = { start: number; call: Call } | { start: number; wait: Wait }

/** The calls of one visit and what it waited for, in their order. */
export function Calls({ visit, events, length, onTime }: Props) {
  const steps: Step[] = [
    ...visit.calls.map((call) => ({ start: call.start, call })),
    ...visit.waits.map((wait) => ({ start: wait.start, wait })),
  ].sort((a, b) => a.start - b.start)
  return (
    <section className={classes.section}>
      <h3>
        Attempts <span>{visit.calls.filter((call) => !call.undoes).length}</span>
      </h3>
      <ol className={classes.steps}>
        {steps.map((step) => (
          <li key={`${step.start} ${'call' in step ? step.call.attempt : step.wait.kind}`}>
            <button type="button" onClick={() => onTime(step.start)} title="Show this moment">
              {'call' in step ? (
                <CallWords call={step.call} length={length} />
              ) : (
                <WaitWords wait={step.wait} length={length} />
              )}
            </button>
            {'call' in step && <CallMore call={step.call} events={events} />}
          </li>
        ))}
      </ol>
    </section>
  )
}

function CallWords({ call, length }: { call: Call; length: number }) {
  const colour = COLOURS[call.outcome] ?? '--ax-failed'
  return (
    <>
      <span className={classes.dot} style={{ background: `var(${colour})` }} />
      <span>
        {call.undoes ? 'Undoing' : 'Attempt'} {call.attempt} {OUTCOMES[call.outcome]}
      </span>
      <span className={classes.figures}>
        {durationText((call.end ?? length) - call.start)} <i>at {durationText(call.start)}</i>
      </span>
    </>
  )
}

function WaitWords({ wait, length }: { wait: Wait; length: number }) {
  return (
    <>
      <span className={classes.ring} />
      <span>
        {WAITS[wait.kind]}
        {wait.note && `, ${wait.note}`}
      </span>
      <span className={classes.figures}>
        {durationText((wait.end ?? length) - wait.start)} <i>at {durationText(wait.start)}</i>
      </span>
    </>
  )
}

function CallMore({ call, events }: { call: Call; events: readonly Event[] }) {
  const failed = events.find(
    (event) => event.attempt === call.attempt && typeof event.detail.traceback === 'string',
  )
  const trace = call.outcome === 'completed' ? undefined : failed?.detail.traceback
  return (
    <>
      {call.message !== null && <p className={classes.message}>{call.message}</p>}
      {typeof trace === 'string' && (
        <details>
          <summary>Traceback</summary>
          <pre>{trace}</pre>
        </details>
      )}
      {call.child !== null && (
        <p className={classes.message}>
          Done by{' '}
          <Link to="/executions/$executionId" params={{ executionId: call.child }}>
            {call.child}
          </Link>
        </p>
      )}
    </>
  )
}
