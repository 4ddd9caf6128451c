import type { CSSProperties } from 'react'
import type { Status } from '../api/types'
import { colour, ended, LABELS } from '../app/statuses'
import classes from './parts.module.css'

/** The status of an execution, by colour and by word. */
export function StatusBadge({ status }: { status: Status }) {
  const name = colour(status)
  const style = {
    '--line': `var(${name})`,
    '--soft': `var(${name}-soft)`,
    '--text': `var(${name}-text)`,
  } as CSSProperties
  return (
    <span className={classes.badge} style={style} data-alive={!ended(status) || undefined}>
      {LABELS[status]}
    </span>
  )
}
