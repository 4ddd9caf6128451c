import dayjs from 'dayjs'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Where the browser is. Asked once: it is slow, and every row of a list tells it. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

/** "84 ms", "1.200 s", "2 min 5 s", "3 h 2 min", "4 d 1 h"; a dash for none. */
export function durationText(ms: number | null): string {
  if (ms === null) return '–'
  const whole = Math.max(0, Math.round(ms))
  if (whole < SECOND) return `${whole} ms`
  if (whole < MINUTE) return `${(whole / SECOND).toFixed(3)} s`
  if (whole < HOUR) return inTwo(whole, MINUTE, 'min', SECOND, 's')
  if (whole < DAY) return inTwo(whole, HOUR, 'h', MINUTE, 'min')
  return inTwo(whole, DAY, 'd', HOUR, 'h')
}

function inTwo(ms: number, large: number, largeName: string, small: number, smallName: string) {
  const rest = Math.floor((ms % large) / small)
  const head = `${Math.floor(ms / large)} ${largeName}`
  return rest ? `${head} ${rest} ${smallName}` : head
}

/** Local time with milliseconds: "2026-05-28 20:26:40.123". */
export function absolute(at: string | null): string {
  return at === null ? '–' : dayjs(at).format('YYYY-MM-DD HH:mm:ss.SSS')
}

/** The same to the second, where milliseconds tell nobody anything. */
export function toSecond(at: string): string {
  return dayjs(at).format('YYYY-MM-DD HH:mm:ss')
}

/** A moment as a field for local times has it, exact: "2026-05-28T20:26:40"; empty for none. */
export function toField(at: string | null): string {
  if (at === null) return ''
  const local = dayjs(at)
  return local.format(local.millisecond() ? 'YYYY-MM-DDTHH:mm:ss.SSS' : 'YYYY-MM-DDTHH:mm:ss')
}

/** What such a field says, as a moment; null if it is empty. */
export function fromField(text: string): string | null {
  return text === '' ? null : dayjs(text).toISOString()
}

/** "12 s ago", "3 min ago", "in 2 h"; `now` in milliseconds. */
export function relative(at: string | null, now: number): string {
  if (at === null) return ''
  const distance = now - dayjs(at).valueOf()
  const size = Math.abs(distance)
  if (size < SECOND) return 'just now'
  const text = inOne(size)
  return distance > 0 ? `${text} ago` : `in ${text}`
}

function inOne(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`
  return `${Math.floor(ms / DAY)} d`
}

/** The offset from UTC of the local time at that moment: "UTC+01:00". */
export function offset(at: string | number): string {
  return `UTC${dayjs(at).format('Z')}`
}

/** Everything about a moment, for a tooltip. */
export function inFull(at: string): string {
  return `${dayjs(at).format('dddd, D MMMM YYYY, HH:mm:ss.SSS [UTC]Z')} (${ZONE})`
}

/** A day of the local calendar, "2026-05-28", as the moment that it begins. */
export function beginningOf(day: string): string {
  return dayjs(day).startOf('day').toISOString()
}

/** The moment at which the day after that one begins. */
export function endOf(day: string): string {
  return dayjs(day).add(1, 'day').startOf('day').toISOString()
}

/** The local calendar's day, so many days before that moment. */
export function dayBefore(now: number, days: number): string {
  return dayjs(now).subtract(days, 'day').format('YYYY-MM-DD')
}

/** Whether the text is a day, and one that there is. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && dayjs(text).format('YYYY-MM-DD') === text
}
