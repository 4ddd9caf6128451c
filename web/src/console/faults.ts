/** Where in a dialog the problems are shown that the server found. */
import { Refused } from '../api/errors'
import type { Problem } from '../api/types'

/** What is wrong with the field of that path, or with what is inside of it; undefined if nothing. */
export function faultAt(failure: unknown, path: string): string | undefined {
  if (!(failure instanceof Refused)) return undefined
  const found = failure.problems.filter((problem) => isAt(problem, path))
  return found.map((problem) => wordsAt(problem, path)).join(' ') || undefined
}

/** The same failure without what is shown at fields of these paths. */
export function besides(failure: unknown, paths: readonly string[]): unknown {
  if (!(failure instanceof Refused)) return failure
  const rest = failure.problems.filter((one) => !paths.some((path) => isAt(one, path)))
  return new Refused(failure.status, failure.code, failure.message, rest)
}

function isAt({ path }: Problem, field: string): boolean {
  return path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`)
}

function wordsAt({ path, message }: Problem, field: string): string {
  const inner = path.slice(field.length).replace(/^\./, '')
  const words = inner ? `${inner} ${message}` : message.charAt(0).toUpperCase() + message.slice(1)
  return /[.?!]$/.test(words) ? words : `${words}.`
}
