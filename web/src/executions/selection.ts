import { useCallback, useState } from 'react'
import type { Execution } from '../api/types'

export interface Selection {
  ids: ReadonlySet<string>
  /** Takes a row in or out; with `through`, all rows from the last one that was chosen as well. */
  toggle: (index: number, through: boolean) => void
  all: () => void
  clear: () => void
}

/** The rows that somebody has chosen, by ID: they stay chosen while the list moves. */
export function useSelection(rows: readonly Execution[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const [last, setLast] = useState<string | null>(null)
  const toggle = (index: number, through: boolean) => {
    const row = rows[index]
    if (!row) return
    const from = through ? rows.findIndex((other) => other.execution_id === last) : -1
    setIds((before) => toggled(before, rows, index, from < 0 ? index : from))
    setLast(row.execution_id)
  }
  const all = () => setIds(new Set(rows.map((row) => row.execution_id)))
  const clear = useCallback(() => setIds(new Set()), [])
  return { ids, toggle, all, clear }
}

/** All rows between two of them become what the one at `index` becomes. */
export function toggled(
  before: ReadonlySet<string>,
  rows: readonly Execution[],
  index: number,
  from: number,
): ReadonlySet<string> {
  const now = new Set(before)
  const chosen = !before.has(rows[index]?.execution_id ?? '')
  for (const { execution_id } of rows.slice(Math.min(index, from), Math.max(index, from) + 1)) {
    if (chosen) now.add(execution_id)
    else now.delete(execution_id)
  }
  return now
}
