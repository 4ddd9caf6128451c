import { useSyncExternalStore } from 'react'

const TICK_MS = 1_000

const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(tick, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function tick(): void {
  now = Date.now()
  for (const listener of listeners) listener()
}

function current(): number {
  // Nobody ticks while nobody listens.
  if (timer === undefined && Date.now() - now > TICK_MS) now = Date.now()
  return now
}

/** The time in milliseconds, once a second: one clock for everything on the page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, current)
}
