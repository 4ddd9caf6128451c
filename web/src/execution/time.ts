/** Where the scrubber stands. Without a `t` in the address it follows the end. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { advance } from './replay/play'
import type { Replay } from './replay/replay'
import { useExecutionSearch } from './search'

const WRITE_MS = 200

export interface Clock {
  t: number
  follows: boolean
  playing: boolean
  speed: number
  /** Go to a time; null follows the end. */
  go: (t: number | null) => void
  play: (playing: boolean) => void
  setSpeed: (speed: number) => void
}

export function useClock(replay: Replay, length: number): Clock {
  const [at, setAt] = useAddressTime()
  const [playing, setPlaying] = useState(false)
  const [speed, setSpeed] = useState(1)
  const t = at === null ? length : Math.min(at, length)

  const go = useCallback(
    (to: number | null) => {
      setPlaying(false)
      setAt(to)
    },
    [setAt],
  )
  const play = useCallback(
    (wanted: boolean) => {
      // From the end there is nothing to play: begin again.
      if (wanted && t >= replay.end) setAt(0)
      setPlaying(wanted)
    },
    [t, replay, setAt],
  )
  const move = useCallback(
    (elapsed: number) => {
      const next = advance(replay, t, elapsed * speed, length)
      if (next >= length) go(null)
      else setAt(next)
    },
    [replay, t, speed, length, go, setAt],
  )
  useFrames(playing, move)
  const follows = at === null
  // The same object until something of it changes: what shows it is drawn no more often than that.
  return useMemo(
    () => ({ t, follows, playing, speed, go, play, setSpeed }),
    [t, follows, playing, speed, go, play],
  )
}

/** The time as the address says it; written back when it rests for a moment. */
function useAddressTime(): [number | null, (t: number | null) => void] {
  const [search, change] = useExecutionSearch()
  const [at, setAt] = useState<number | null>(search.t ?? null)
  const written = useRef(search.t)
  const pending = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    if (search.t === written.current) return
    written.current = search.t
    setAt(search.t ?? null)
  }, [search.t])
  useEffect(() => () => clearTimeout(pending.current), [])
  const set = useCallback(
    (t: number | null) => {
      setAt(t)
      clearTimeout(pending.current)
      pending.current = setTimeout(() => {
        written.current = t === null ? undefined : Math.round(t)
        change({ t: written.current })
      }, WRITE_MS)
    },
    [change],
  )
  return [at, set]
}

/** Call with the milliseconds since the last picture, while `active`. */
function useFrames(active: boolean, move: (elapsed: number) => void): void {
  const latest = useRef(move)
  useEffect(() => {
    latest.current = move
  })
  useEffect(() => {
    if (!active) return
    let before = performance.now()
    let frame = requestAnimationFrame(function next(now) {
      latest.current(Math.max(0, now - before))
      before = now
      frame = requestAnimationFrame(next)
    })
    return () => cancelAnimationFrame(frame)
  }, [active])
}
