/** Numbers as people type them. */
import type { Json } from '../api/types'

const PLAIN = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/

/**
 * What was typed, as JSON: a number if JavaScript can hold it exactly enough, else the text as it
 * is, which the server reads or refuses with a sentence at this field.
 */
export function typed(text: string): Json | undefined {
  const bare = text.trim()
  if (bare === '') return undefined
  if (!PLAIN.test(bare)) return text
  const number = Number(bare)
  const whole = /^-?\d+$/.test(bare)
  return whole && !Number.isSafeInteger(number) ? bare : number
}

/** A value as the text of its field. */
export function shown(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
