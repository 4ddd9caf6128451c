import { memo, type ReactNode } from 'react'
import type { Execution } from '../api/types'
import { ended } from '../app/statuses'
import { Moment } from '../parts/Moment'
import { useNow } from '../parts/now'
import { StatusBadge } from '../parts/StatusBadge'
import { durationText } from '../parts/time'
import classes from './executions.module.css'
import { ROW_PX } from './useWindow'

interface Props {
  execution: Execution
  index: number
  selected: boolean
  /** Whether the Tab key comes to this row. */
  current: boolean
  onToggle: (index: number, through: boolean) => void
}

/**
 * One execution. Rows come and go by the hundred while somebody scrolls, so these are the browser's
 * own controls, icons are of the style sheet, and clicks are the list's, see useRowClicks.
 */
export const Row = memo(function Row({ execution, index, selected, current, onToggle }: Props) {
  const id = execution.execution_id
  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual list cannot be laid out as a table.
    <div
      role="row"
      className={classes.row}
      style={{ top: index * ROW_PX }}
      tabIndex={current ? 0 : -1}
      aria-rowindex={index + 2}
      data-index={index}
      data-id={id}
      data-selected={selected || undefined}
    >
      <Cell className={classes.check}>
        <input
          type="checkbox"
          className={classes.box}
          aria-label={`Select ${id}`}
          checked={selected}
          tabIndex={-1}
          onChange={(event) => onToggle(index, (event.nativeEvent as MouseEvent).shiftKey)}
        />
      </Cell>
      <Cell title={execution.error ?? undefined}>
        <StatusBadge status={execution.status} />
      </Cell>
      <Cell>
        <Moment at={execution.started_at} />
      </Cell>
      <Cell className="ax-mono">
        <Duration execution={execution} />
      </Cell>
      <Cell className={classes.cut} title={execution.flow}>
        {execution.flow}
      </Cell>
      <Cell className={classes.id}>
        <a href={`/executions/${id}`} title={id} tabIndex={-1} className={classes.link}>
          {id}
        </a>
        <button
          type="button"
          tabIndex={-1}
          className={classes.copy}
          data-copy={id}
          aria-label={`Copy execution ID ${id}`}
        />
      </Cell>
    </div>
  )
})

interface CellProps {
  className?: string | undefined
  title?: string | undefined
  children: ReactNode
}

function Cell({ children, ...rest }: CellProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a virtual list cannot be laid out as a table.
    <div role="cell" {...rest}>
      {children}
    </div>
  )
}

function Duration({ execution }: { execution: Execution }) {
  if (execution.duration_ms !== null) return durationText(execution.duration_ms)
  if (execution.started_at === null || ended(execution.status)) return durationText(null)
  return <Lasting since={execution.started_at} />
}

/** How long it has taken up to now, in whole seconds. */
function Lasting({ since }: { since: string }) {
  const ms = Math.max(0, useNow() - Date.parse(since))
  return (
    <span className="ax-dim">{ms < 60_000 ? `${Math.floor(ms / 1000)} s` : durationText(ms)}</span>
  )
}
