import { TimerReset } from 'lucide-react'
import { useNow } from '../../parts/now'
import { durationText, inFull } from '../../parts/time'
import classes from './tabs.module.css'

const SECOND = 1_000
const SOON_MS = 300 * SECOND

/** How long a pause still waits for its answer. */
export function Countdown({ at }: { at: string | null }) {
  const now = useNow()
  if (at === null) return <span className={classes.fact}>Waits for ever</span>
  const left = Date.parse(at) - now
  const seconds = Math.floor(left / SECOND) * SECOND
  return (
    <time
      className={classes.countdown}
      dateTime={at}
      title={inFull(at)}
      data-soon={left < SOON_MS || undefined}
    >
      <TimerReset size={14} aria-hidden />
      {left <= 0 ? 'Its time has run out' : `Expires in ${inSeconds(seconds)}`}
    </time>
  )
}

/** Without the milliseconds, which would only flicker. */
function inSeconds(ms: number): string {
  return ms < 60 * SECOND ? `${ms / SECOND} s` : durationText(ms)
}
