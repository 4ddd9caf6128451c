import { useQueryClient } from '@tanstack/react-query'
import { WifiOff } from 'lucide-react'
import { useEffect } from 'react'
import { api } from '../api/client'
import { passes } from '../api/errors'
import { reach, useServerLost } from './reach'
import classes from './Shell.module.css'

const ASK_AGAIN_MS = 1_000

/** Says that the server is away, asks until it is back, then has everything read anew. */
export function OfflineBanner() {
  const lost = useServerLost()
  const client = useQueryClient()
  useEffect(() => {
    if (!lost) return
    const timer = setInterval(async () => {
      try {
        await api.ready()
      } catch (failure) {
        // While it starts or stops it answers, but not yet with what we want.
        if (passes(failure)) return
      }
      reach.answered()
      void client.invalidateQueries()
    }, ASK_AGAIN_MS)
    return () => clearInterval(timer)
  }, [lost, client])
  return (
    <div role="status">
      {lost && (
        <div className={classes.banner}>
          <WifiOff size={15} aria-hidden />
          The server does not answer. What you see is from before; this page goes on by itself.
        </div>
      )}
    </div>
  )
}
