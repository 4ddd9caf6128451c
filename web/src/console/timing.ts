/** When a schedule runs: at the times of a cron expression, or every so many seconds. */
import type { CatchUp, Overlap, Schedule } from '../api/consoleTypes'
import { durationText, ZONE } from '../parts/time'

export type Kind = 'cron' | 'every'

type Timing = { cron: string; time_zone: string } | { every_seconds: number }

export const CATCH_UP_WORDS: Record<CatchUp, string> = {
  none: 'are left out',
  one: 'fire once for all of them',
  all: 'fire once each',
}
export const OVERLAP_WORDS: Record<Overlap, string> = {
  allow: 'it fires all the same',
  skip: 'it is skipped',
}

/** Words as what one chooses from. */
export function choices(words: { [value: string]: string }): { value: string; label: string }[] {
  return Object.entries(words).map(([value, label]) => ({ value, label }))
}

/** The zones that the browser knows, the reader's own first. */
export const ZONES = [...new Set([ZONE, 'UTC', ...Intl.supportedValuesOf('timeZone')])]

export function timingText(one: Pick<Schedule, 'cron' | 'every_seconds' | 'time_zone'>): string {
  if (one.cron !== null) return one.time_zone ? `${one.cron} (${one.time_zone})` : one.cron
  return `every ${durationText((one.every_seconds ?? 0) * 1_000).replace('.000', '')}`
}

/** What is told to the server; null while it is not whole. */
export function timingOf(
  kind: Kind,
  cron: string,
  every: number | string,
  zone: string,
): Timing | null {
  if (kind === 'cron') return cron.trim() ? { cron: cron.trim(), time_zone: zone.trim() } : null
  return every === '' ? null : { every_seconds: Number(every) }
}
