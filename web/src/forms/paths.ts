/** Reading and writing inside a JSON value, and how the server names places in it. */
import type { Json } from '../api/types'

export type Step = string | number
export type Members = { [key: string]: Json }

/** Of a map's key, the characters that the server says in a path. */
const KEY_CHARS_MAX = 80

export function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is at `steps`; undefined if there is nothing. */
export function read(value: Json | undefined, steps: readonly Step[]): Json | undefined {
  let found = value
  for (const step of steps) {
    if (Array.isArray(found)) found = typeof step === 'number' ? found[step] : undefined
    else found = isMembers(found) && Object.hasOwn(found, step) ? found[String(step)] : undefined
  }
  return found
}

/**
 * A copy with another value at `steps`. Undefined takes the member away, and the item of a list.
 * What is missing on the way is made: an edit inside of an unset message sets it.
 */
export function write(
  value: Json | undefined,
  steps: readonly Step[],
  next: Json | undefined,
): Json | undefined {
  const [step, ...rest] = steps
  if (step === undefined) return next
  if (typeof step === 'number')
    return writeItem(Array.isArray(value) ? value : [], step, rest, next)
  return writeMember(isMembers(value) ? value : {}, step, rest, next)
}

function writeItem(
  list: readonly Json[],
  index: number,
  rest: readonly Step[],
  next: Json | undefined,
): Json[] {
  const item = write(list[index], rest, next)
  if (item === undefined) return list.filter((_, at) => at !== index)
  return index < list.length ? list.with(index, item) : [...list, item]
}

function writeMember(
  members: Members,
  name: string,
  rest: readonly Step[],
  next: Json | undefined,
): Members {
  const member = write(members[name], rest, next)
  if (member !== undefined) return { ...members, [name]: member }
  const { [name]: _, ...others } = members
  return others
}

/** The path of a member or item, as the server says it: `value.lines[2].qty`. */
export function below(path: string, step: Step): string {
  if (typeof step === 'number') return `${path}[${step}]`
  return `${path}.${step.length > KEY_CHARS_MAX ? `${step.slice(0, KEY_CHARS_MAX)}…` : step}`
}
