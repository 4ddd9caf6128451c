/**
 * The list as far as it is known: runs of rows, newest first. Each begins at a cursor, a place in
 * time that never moves, so that any run can be read again without the others. Pure.
 */
import type { Execution } from '../api/types'

export interface Chunk {
  /** Where this run begins; undefined at the top of the list. */
  cursor: string | undefined
  rows: readonly Execution[]
}

export interface Rows {
  chunks: readonly Chunk[]
  /** Where the list goes on; null at its end. */
  next: string | null
}

export interface Page {
  rows: readonly Execution[]
  next: string | null
}

/** A run with more rows than this behind those that were read is cut there: reading stays short. */
const GROWN_ROWS_MAX = 200

/** The list that begins with that page. */
export function begin(page: Page): Rows {
  return { chunks: [{ cursor: undefined, rows: page.rows }], next: page.next }
}

/** Every row, newest first. */
export function flat(rows: Rows): readonly Execution[] {
  return rows.chunks.flatMap((chunk) => chunk.rows)
}

/** The list with the page that was read at `cursor`, its end as of then. */
export function append(rows: Rows, cursor: string, page: Page): Rows {
  // Somebody else was faster, or the list has begun anew.
  if (rows.next !== cursor) return rows
  const last = rows.chunks.at(-1)
  const known = idsOf(last ? [last] : [], Number.POSITIVE_INFINITY)
  const fresh = page.rows.filter((row) => !known.has(row.execution_id))
  // Pages of a search may be empty: they leave no run behind.
  const chunks = fresh.length > 0 ? [...rows.chunks, { cursor, rows: fresh }] : rows.chunks
  return { chunks, next: page.next }
}

/**
 * The list with one run read again, or null if the page and the list do not meet: more has begun
 * since than the page holds.
 */
export function refresh(rows: Rows, index: number, page: Page): Rows | null {
  const chunk = rows.chunks[index]
  if (!chunk) return rows
  if (page.next === null) return withEnd(rows, index, reuse(chunk.rows, page.rows))
  const later = idsOf(rows.chunks.slice(index + 1), 2 * page.rows.length)
  const end = page.rows.findIndex((row) => later.has(row.execution_id))
  const read = end < 0 ? page.rows : page.rows.slice(0, end)
  const rest = end < 0 ? restBehind(chunk.rows, read) : []
  if (rest === null) return null
  const merged = reuse(chunk.rows, [...read, ...rest])
  const cut = rest.length > GROWN_ROWS_MAX
  if (merged === chunk.rows && !cut) return rows
  const parts: Chunk[] = cut
    ? [
        { cursor: chunk.cursor, rows: merged.slice(0, read.length) },
        { cursor: page.next, rows: merged.slice(read.length) },
      ]
    : [{ cursor: chunk.cursor, rows: merged }]
  return { ...rows, chunks: rows.chunks.toSpliced(index, 1, ...parts) }
}

/** The list that ends with these rows of a run: there is nothing behind them any more. */
function withEnd(rows: Rows, index: number, last: readonly Execution[]): Rows {
  const chunk = rows.chunks[index]
  const unchanged = index === rows.chunks.length - 1 && rows.next === null && chunk?.rows === last
  if (unchanged) return rows
  return {
    chunks: [...rows.chunks.slice(0, index), { cursor: chunk?.cursor, rows: last }],
    next: null,
  }
}

/** The old rows after the last one that was read again; null if none of them was. */
function restBehind(
  old: readonly Execution[],
  read: readonly Execution[],
): readonly Execution[] | null {
  if (old.length === 0 || read.length === 0) return old
  const fresh = new Set(read.map((row) => row.execution_id))
  const last = old.findLastIndex((row) => fresh.has(row.execution_id))
  return last < 0 ? null : old.slice(last + 1)
}

/** The same list again if nothing has changed, and the same rows where they have not. */
function reuse(old: readonly Execution[], now: readonly Execution[]): readonly Execution[] {
  const known = new Map(old.map((row) => [row.execution_id, row]))
  const merged = now.map((row) => {
    const before = known.get(row.execution_id)
    return before && same(before, row) ? before : row
  })
  const unchanged = merged.length === old.length && merged.every((row, at) => row === old[at])
  return unchanged ? old : merged
}

function same(one: Execution, other: Execution): boolean {
  return one.updated_at === other.updated_at && one.status === other.status
}

/** The IDs of the first rows of some runs, at least `least` if there are so many. */
function idsOf(chunks: readonly Chunk[], least: number): Set<string> {
  const ids = new Set<string>()
  for (const chunk of chunks) {
    for (const row of chunk.rows) ids.add(row.execution_id)
    if (ids.size >= least) break
  }
  return ids
}

/** The runs that reach into the rows from `first` to `last` and match, by number. */
export function chunksWithin(
  rows: Rows,
  first: number,
  last: number,
  matches: (row: Execution) => boolean,
): number[] {
  const found: number[] = []
  let start = 0
  for (const [index, chunk] of rows.chunks.entries()) {
    const inside = chunk.rows.slice(Math.max(0, first - start), Math.max(0, last - start + 1))
    if (inside.some(matches)) found.push(index)
    start += chunk.rows.length
    if (start > last) break
  }
  return found
}

/** How many rows around it are looked for if a row itself is gone. */
const NEIGHBOURS = 8

/** By how many rows the one at `at` has moved down in the new list, or its next neighbour has. */
export function moved(before: readonly Execution[], now: readonly Execution[], at: number): number {
  if (before[0] === now[0] && before[at] === now[at]) return 0
  for (const [step, row] of before.slice(at, at + NEIGHBOURS).entries()) {
    const found = now.findIndex((other) => other.execution_id === row.execution_id)
    if (found >= 0) return found - at - step
  }
  return 0
}
