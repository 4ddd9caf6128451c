/** Playing: time passes as it did, but waits are gone over quickly. */
import { lastUntil } from './changes'
import type { Replay } from './replay'

/** So long a gap takes at most at normal speed: idle, and with something in flight. */
const IDLE_MOST_MS = 700
const BUSY_MOST_MS = 8_000

/** Where playing is after `elapsed` milliseconds from `t`, at normal speed. */
export function advance(replay: Replay, t: number, elapsed: number, length: number): number {
  let left = elapsed
  let now = t
  while (left > 0 && now < length) {
    const next = nextStop(replay, now, length)
    const gap = next - previousStop(replay, now)
    const most = isBusy(replay, now) ? BUSY_MOST_MS : IDLE_MOST_MS
    const pace = Math.max(1, gap / most)
    const until = (next - now) / pace
    if (until > left) return now + left * pace
    left -= until
    now = next
  }
  return Math.min(now, length)
}

function nextStop(replay: Replay, t: number, length: number): number {
  const next = replay.offsets[lastUntil(replay.offsets, t, (offset) => offset) + 1]
  return next === undefined ? length : Math.min(next, length)
}

function previousStop(replay: Replay, t: number): number {
  return replay.offsets[lastUntil(replay.offsets, t, (offset) => offset)] ?? 0
}

function isBusy(replay: Replay, t: number): boolean {
  const span = replay.busy[lastUntil(replay.busy, t, (one) => one.start)]
  return span !== undefined && (span.end === null || span.end > t)
}
