import { useNow } from './now'
import classes from './parts.module.css'
import { absolute, inFull, relative, toSecond } from './time'

/** A moment in local time, how long ago that is, and the time zone in the tooltip. */
export function Moment({ at }: { at: string | null }) {
  if (at === null) return <span className="ax-dim">–</span>
  return (
    <time className={classes.moment} dateTime={at} title={inFull(at)}>
      <span className="ax-mono">{absolute(at)}</span>
      <Ago at={at} />
    </time>
  )
}

/** The same for a column of a table: to the second, with how long ago that is below it. */
export function TimeOf({ at, none = '–' }: { at: string | null; none?: string }) {
  if (at === null) return <span className="ax-dim">{none}</span>
  return (
    <time className={classes.timeOf} dateTime={at} title={inFull(at)}>
      <span className="ax-mono">{toSecond(at)}</span>
      <Ago at={at} />
    </time>
  )
}

function Ago({ at }: { at: string }) {
  return <span className={classes.ago}>{relative(at, useNow())}</span>
}
