/** When a schedule runs: at the times of a cron expression, or every so many seconds. */
import type { Schedule } from '../api/consoleTypes'
import { durationText } from '../parts/time'

export type Kind = 'cron' | 'every'

type Timing = { cron: string; time_zone: string } | { every_seconds: number }

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
  if (kind === 'cron') return cron.trim() ? { cron: cron.trim(), time_zone: zone } : null
  return every === '' ? null : { every_seconds: Number(every) }
}

/** Where the browser is. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone
