import { useEffect, useMemo, useRef, useState } from 'react'
import type { Artifact, Event } from '../../api/types'
import { Replay } from './replay'

/** A replay as it is with so many events: another object whenever there are more. */
export interface Shown {
  readonly replay: Replay
  readonly count: number
}

/** Only what is new is applied: the replay grows with the history. */
export function useReplay(artifact: Artifact, events: readonly Event[]): Shown {
  const kept = useRef({ replay: new Replay(artifact), count: 0 })
  return useMemo(() => {
    const before = kept.current
    const goesOn = before.replay.artifact === artifact && before.count <= events.length
    const base = goesOn ? before : { replay: new Replay(artifact), count: 0 }
    base.replay.apply(events.slice(base.count))
    kept.current = { replay: base.replay, count: events.length }
    return kept.current
  }, [artifact, events])
}

const TICK_MS = 250
const SLOW_TICK_MS = 1_000

/** How long the execution has taken: to its end, or until now. */
export function useLength({ replay }: Shown): number {
  const [now, setNow] = useState(Date.now)
  const live = !replay.ended && replay.origin !== null
  const works = replay.busy.at(-1)?.end === null
  useEffect(() => {
    if (!live) return
    const timer = setInterval(() => setNow(Date.now()), works ? TICK_MS : SLOW_TICK_MS)
    return () => clearInterval(timer)
  }, [live, works])
  if (!live || replay.origin === null) return replay.end
  return Math.max(replay.end, now - replay.origin)
}
