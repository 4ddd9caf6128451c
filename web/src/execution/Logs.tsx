import { useState } from 'react'
import type { Event } from '../api/types'
import { absolute, inFull } from '../parts/time'
import { attributes } from './eventWords'
import classes from './panel.module.css'

interface Props {
  events: readonly Event[]
  origin: number
  onTime: (t: number) => void
}

const SHOWN_FIRST = 200

/** What the node said, and its standard output and error. */
export function Logs({ events, origin, onTime }: Props) {
  const [all, showAll] = useState(false)
  const lines = events.filter(({ kind }) => kind === 'node_log' || kind === 'node_progress')
  const shown = all ? lines : lines.slice(-SHOWN_FIRST)
  return (
    <section className={classes.section}>
      <h3>
        Logs <span>{lines.length}</span>
      </h3>
      {lines.length === 0 && <p className="ax-dim">It said nothing.</p>}
      {shown.length < lines.length && (
        <button type="button" className={classes.plain} onClick={() => showAll(true)}>
          Show {lines.length - shown.length} earlier lines
        </button>
      )}
      <ol className={classes.logs}>
        {shown.map((event) => (
          <li key={event.seq} data-level={levelOf(event)}>
            <button
              type="button"
              title={inFull(event.at)}
              onClick={() => onTime(Math.max(0, Date.parse(event.at) - origin))}
            >
              {absolute(event.at).slice(11)}
            </button>
            <b>{levelOf(event)}</b>
            <span>
              {words(event)} <i>{attributes(event.detail.attributes ?? null)}</i>
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function levelOf(event: Event): string {
  if (event.kind === 'node_log') return String(event.detail.level ?? 'info')
  const { fraction } = event.detail
  return typeof fraction === 'number' ? `${Math.round(fraction * 100)} %` : 'progress'
}

function words(event: Event): string {
  return typeof event.detail.message === 'string' ? event.detail.message : ''
}
