import type { Mode } from '../api/types'
import classes from './flows.module.css'

/** Whether a flow answers once or streams. */
export function ModeBadge({ mode }: { mode: Mode }) {
  return <span className={classes.mode}>{mode === 'unary' ? 'Unary' : 'Pipeline'}</span>
}
