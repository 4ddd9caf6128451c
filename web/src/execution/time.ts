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

  // Where playing is; null while it does not. What is drawn may be behind it by a frame or two.
  const head = useRef<number | null>(null)

  const go = useCallback(
    (to: number | null) => {
      head.current = null
      setPlaying(false)
      setAt(to)
    },
    [setAt],
  )
  const play = useCallback(
    (wanted: boolean) => {
      // From the end there is nothing to play: begin again.
      const isOver = t >= replay.end
      head.current = wanted ? (isOver ? 0 : t) : null
      if (wanted && isOver) setAt(0)
      setPlaying(wanted)
    },
    [t, replay, setAt],
  )
  const move = useCallback(
    (elapsed: number) => {
      // The last frame of before may come after it was stopped.
      if (head.current === null) return
      const next = advance(replay, head.current, elapsed * speed, length)
      if (next >= length) return go(null)
      head.current = next
      setAt(next)
    },
    [replay, speed, length, go, setAt],
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
  // What was written and has not been seen in the address yet; the address may be slow.
  const written = useRef([search.t])
  const pending = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    const place = written.current.indexOf(search.t)
    written.current = place < 0 ? [search.t] : written.current.slice(place)
    if (place < 0) setAt(search.t ?? null)
  }, [search.t])
  useEffect(() => () => clearTimeout(pending.current), [])
  const set = useCallback(
    (t: number | null) => {
      setAt(t)
      clearTimeout(pending.current)
      pending.current = setTimeout(() => {
        const next = t === null ? undefined : Math.round(t)
        written.current.push(next)
        change({ t: next })
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
