import { useNow } from './now'
import classes from './parts.module.css'
import { absolute, inFull, relative } from './time'

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

function Ago({ at }: { at: string }) {
  return <span className={classes.ago}>{relative(at, useNow())}</span>
}
