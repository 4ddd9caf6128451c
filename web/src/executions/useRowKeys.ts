import {
  type FocusEvent,
  type KeyboardEvent,
  type RefObject,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import type { Execution } from '../api/types'

interface Options {
  rows: readonly Execution[]
  scrollTo: (index: number) => void
  pageRows: number
  body: RefObject<HTMLElement | null>
  onOpen: (id: string) => void
  onToggle: (index: number, through: boolean) => void
}

/** Where a key leads from the row at `index`; null if it leads nowhere. */
export function stepOf(key: string, index: number, rows: number, pageRows: number): number | null {
  const steps: Record<string, number> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    PageDown: index + pageRows,
    PageUp: index - pageRows,
    Home: 0,
    End: rows - 1,
  }
  const to = steps[key]
  return to === undefined ? null : Math.min(Math.max(to, 0), rows - 1)
}

/**
 * The list by keyboard: Tab comes to one row, arrows go from row to row, Enter opens, space chooses.
 * The row is known by its ID, since its number changes while others begin.
 */
export function useRowKeys({ rows, scrollTo, pageRows, body, onOpen, onToggle }: Options) {
  const [currentId, setCurrentId] = useState<string | null>(null)
  const wanted = useRef<string | null>(null)

  // The row to go to may be drawn only now.
  useEffect(() => {
    if (wanted.current === null) return
    const row = body.current?.querySelector<HTMLElement>(`[data-id="${wanted.current}"]`)
    if (!row) return
    wanted.current = null
    row.focus({ preventScroll: true })
  })

  const go = (index: number) => {
    const id = rows[index]?.execution_id
    if (id === undefined) return
    wanted.current = id
    setCurrentId(id)
    scrollTo(index)
  }

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const row = event.target as HTMLElement
    if (row.getAttribute('role') !== 'row' || event.altKey || event.ctrlKey || event.metaKey) return
    const index = Number(row.dataset.index)
    const to = stepOf(event.key, index, rows.length, pageRows)
    if (to !== null) go(to)
    else if (event.key === 'Enter' && row.dataset.id) onOpen(row.dataset.id)
    else if (event.key === ' ') onToggle(index, event.shiftKey)
    else return
    event.preventDefault()
  }

  const onFocus = (event: FocusEvent<HTMLElement>) => {
    const id = rowOf(event.target)?.dataset.id
    if (id) setCurrentId(id)
  }

  const current = useMemo(
    () =>
      Math.max(0, currentId === null ? 0 : rows.findIndex((row) => row.execution_id === currentId)),
    [rows, currentId],
  )
  return { onKeyDown, onFocus, current }
}

export function rowOf(element: Element): HTMLElement | null {
  return element.closest<HTMLElement>('[role="row"]')
}
