import {
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
} from 'react'
import type { Execution } from '../api/types'
import { offset } from '../parts/time'
import classes from './executions.module.css'
import { Row } from './Row'
import { moved } from './rows'
import type { Selection } from './selection'
import { useRowClicks } from './useRowClicks'
import { useRowKeys } from './useRowKeys'
import { drawn, HEAD_PX, type Range, ROW_PX, useWindow } from './useWindow'

/** So many rows before the end more are asked for: nobody should get to see the end. */
const AHEAD_ROWS = 300

interface Props {
  rows: readonly Execution[]
  /** Whether there are more than these. */
  more: boolean
  /** The number of rows changes nothing: for a search that finds little, the asking goes on. */
  onMore: () => void
  selection: Selection
  onOpen: (id: string) => void
  view: RefObject<Range>
  place: { initial: number; keep: (top: number) => void }
  /** So many rows have begun above what is in view. */
  onBegun: (count: number) => void
  stale: boolean
  scroller: RefObject<HTMLDivElement | null>
  children?: ReactNode
}

/** The executions, of which only those are drawn that are in view. */
export function Table(props: Props) {
  const { rows, more, onMore, selection, view, place, scroller } = props
  const { range, look, scrollTo } = useWindow(scroller, rows.length, place.initial)
  view.current = range
  useEffect(() => {
    if (more && range.end >= rows.length - AHEAD_ROWS) onMore()
  }, [more, range.end, rows, onMore])
  useSteadyView(scroller, rows, look, props.onBegun)
  const height = scroller.current?.clientHeight ?? 0
  const keys = useRowKeys({
    rows,
    scrollTo,
    pageRows: Math.max(1, Math.floor((height - HEAD_PX) / ROW_PX) - 1),
    body: scroller,
    onOpen: props.onOpen,
    onToggle: selection.toggle,
  })
  const onClick = useRowClicks({ onOpen: props.onOpen, onToggle: selection.toggle })
  const latest = useRef(selection.toggle)
  latest.current = selection.toggle
  const toggle = useCallback(
    (index: number, through: boolean) => latest.current(index, through),
    [],
  )
  return (
    <div
      ref={scroller}
      className={classes.scroller}
      onScroll={(e) => place.keep(e.currentTarget.scrollTop)}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a virtual list cannot be laid out as a table. */}
      <div
        role="table"
        aria-label="Executions"
        aria-rowcount={more ? -1 : rows.length + 1}
        aria-busy={props.stale}
        className={classes.table}
        data-stale={props.stale || undefined}
      >
        <Head rows={rows} selection={selection} />
        {/* biome-ignore lint/a11y/useSemanticElements: see above. */}
        <div
          role="rowgroup"
          className={classes.body}
          style={{ height: rows.length * ROW_PX }}
          onClick={onClick}
          onKeyDown={keys.onKeyDown}
          onFocus={keys.onFocus}
        >
          {drawn(range, keys.current, rows.length).map((index) => {
            const execution = rows[index]
            return (
              execution && (
                <Row
                  key={execution.execution_id}
                  execution={execution}
                  index={index}
                  selected={selection.ids.has(execution.execution_id)}
                  current={index === keys.current}
                  onToggle={toggle}
                />
              )
            )
          })}
        </div>
      </div>
      {props.children}
    </div>
  )
}

function Head({ rows, selection }: { rows: readonly Execution[]; selection: Selection }) {
  const chosen = selection.ids.size
  const all = chosen > 0 && chosen >= rows.length
  return (
    // biome-ignore lint/a11y/useSemanticElements: see Table.
    <div role="rowgroup" className={classes.head}>
      {/* biome-ignore lint/a11y/useSemanticElements: see Table. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the names of columns are not worked with. */}
      <div role="row" className={classes.headRow} aria-rowindex={1}>
        <Name>
          <input
            type="checkbox"
            className={classes.box}
            aria-label="Select all that are loaded"
            checked={all}
            ref={(box) => {
              if (box) box.indeterminate = chosen > 0 && !all
            }}
            disabled={rows.length === 0}
            onChange={() => (chosen > 0 ? selection.clear() : selection.all())}
          />
        </Name>
        <Name>Status</Name>
        <Name>
          Started <span className={classes.zone}>{offset(Date.now())}</span>
        </Name>
        <Name>Duration</Name>
        <Name>Flow</Name>
        <Name>Execution</Name>
      </div>
    </div>
  )
}

function Name({ children }: { children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see Table.
    // biome-ignore lint/a11y/useFocusableInteractive: the names of columns are not worked with.
    <div role="columnheader">{children}</div>
  )
}

/** Keeps the rows in view where they are while others begin above them. */
function useSteadyView(
  scroller: RefObject<HTMLDivElement | null>,
  rows: readonly Execution[],
  look: () => void,
  onBegun: (count: number) => void,
) {
  const before = useRef(rows)
  useLayoutEffect(() => {
    const old = before.current
    before.current = rows
    const element = scroller.current
    if (old === rows || !element || old.length === 0) return
    // At the top, what begins should be seen.
    if (element.scrollTop < ROW_PX / 2) return
    const by = moved(old, rows, Math.floor(element.scrollTop / ROW_PX))
    if (by === 0) return
    element.scrollTop += by * ROW_PX
    // Now rather than with the next frame, or one is drawn with the rows of before.
    look()
    if (by > 0) onBegun(by)
  }, [scroller, rows, look, onBegun])
}
