/** A visit's name: `alias`, `alias#2` in the second iteration, `alias[3]` for a fan-out's item. */
export interface Position {
  alias: string
  iteration: number
  items: readonly number[]
}

const TEXT = /^([^#[\]]+)(?:#(\d+))?((?:\[\d+\])*)$/

export function parsePosition(text: string): Position {
  const match = TEXT.exec(text)
  if (!match) return { alias: text, iteration: 1, items: [] }
  const items = [...(match[3] ?? '').matchAll(/\d+/g)].map((found) => Number(found[0]))
  return { alias: match[1] ?? text, iteration: Number(match[2] ?? 1), items }
}

/** Whether a visit belongs to what lies within these items. */
export function isWithin(items: readonly number[], outer: readonly number[]): boolean {
  return outer.every((item, depth) => items[depth] === item)
}
