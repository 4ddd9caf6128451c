/** What a tenant may use, in words. */
import type { LimitName } from '../api/consoleTypes'

export const LIMIT_WORDS: Record<LimitName, string> = {
  requests_per_s: 'Requests a second',
  requests_burst: 'Requests at once',
  invocations_per_s: 'Invocations a second',
  invocations_burst: 'Invocations at once',
  executions_max: 'Executions at a time',
  flow_executions_max: 'Executions of each flow at a time',
}

/** What each of them is, for who sets it. */
export const LIMIT_HELP: Record<LimitName, string> = {
  requests_per_s: 'Of any kind, on average. 0 for no bound.',
  requests_burst: 'After a silence. 0 for as many as in one second.',
  invocations_per_s: 'That start something. 0 for no bound.',
  invocations_burst: 'After a silence. 0 for as many as in one second.',
  executions_max: 'That workers have; more stay queued. 0 for no bound.',
  flow_executions_max: 'The same of each flow. 0 for no bound.',
}

/** A limit in force. */
export function boundText(name: LimitName, bound: number): string {
  if (bound > 0) return bound.toLocaleString('en')
  return name.endsWith('_burst') ? 'those of one second' : 'no bound'
}

/** For how long ended executions are kept; null as the box is set. */
export function keptText(days: number | null): string {
  if (days === null) return 'as the box is set'
  if (days === 0) return 'for ever'
  return days === 1 ? '1 day' : `${days.toLocaleString('en')} days`
}
