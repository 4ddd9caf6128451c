import { useQuery } from '@tanstack/react-query'
import { api } from '../api/client'
import { useServerLost } from './reach'
import classes from './Shell.module.css'

const POLL_MS = 5_000

/** Which box this is, and what it does just now. */
export function BoxInfo() {
  const lost = useServerLost()
  const ready = useQuery({ queryKey: ['ready'], queryFn: api.ready, refetchInterval: POLL_MS })
  const state = lost || !ready.data ? (lost ? 'away' : '…') : working(ready.data.attempts)
  return (
    <span className={classes.box}>
      {window.location.host} · {state}
    </span>
  )
}

function working(attempts: number): string {
  return attempts === 0 ? 'ready' : `${attempts} in work`
}
