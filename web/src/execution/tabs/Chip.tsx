import type { CSSProperties, ReactNode } from 'react'
import classes from './tabs.module.css'

export type Tone =
  | 'completed'
  | 'running'
  | 'failed'
  | 'paused-hitl'
  | 'waiting-on-gate'
  | 'compensating'
  | 'queued'
  | 'cancelled'

/** One word about a part of an execution, in the colours of the statuses. */
export function Chip({ tone, children }: { tone: Tone; children: ReactNode }) {
  const style = {
    '--chip-line': `var(--ax-${tone})`,
    '--chip-soft': `var(--ax-${tone}-soft)`,
    '--chip-text': `var(--ax-${tone}-text)`,
  } as CSSProperties
  return (
    <span className={classes.chip} style={style}>
      {children}
    </span>
  )
}
