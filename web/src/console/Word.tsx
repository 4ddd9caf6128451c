import type { CSSProperties, ReactNode } from 'react'
import classes from './console.module.css'

export type Tone = 'completed' | 'running' | 'failed' | 'paused-hitl' | 'queued' | 'cancelled'

/** How something stands, in one word and in the colours of the statuses. */
export function Word({ tone, children }: { tone: Tone; children: ReactNode }) {
  const style = {
    '--soft': `var(--ax-${tone}-soft)`,
    '--text': `var(--ax-${tone}-text)`,
  } as CSSProperties
  return (
    <span className={classes.state} style={style}>
      {children}
    </span>
  )
}

/** Several names, each by itself. */
export function Names({ names }: { names: readonly string[] }) {
  if (names.length === 0) return <span className="ax-dim">–</span>
  return (
    <span className={classes.words}>
      {names.map((name) => (
        <span key={name} className={classes.word}>
          {name}
        </span>
      ))}
    </span>
  )
}
