import { useVirtualizer } from '@tanstack/react-virtual'
import { CornerDownRight } from 'lucide-react'
import { type KeyboardEvent, useRef } from 'react'
import { sizeText } from '../../forms/bytes'
import { durationText } from '../../parts/time'
import type { CheckpointRow } from './checkpoints'
import classes from './tabs.module.css'

const ROW_PX = 34
const COLUMNS = ['Seq', 'Position', 'Message', 'Attempt', 'Duration', 'Size'] as const

interface ListProps {
  rows: readonly CheckpointRow[]
  selected: number | null
  onSelect: (seq: number) => void
}

/** The checkpoints as a grid of which only what is in sight is drawn. */
export function CheckpointList({ rows, selected, onSelect }: ListProps) {
  const frame = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  })
  const move = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by === undefined) return
    event.preventDefault()
    const at = rows.findIndex((row) => row.seq === selected)
    const index = Math.max(0, Math.min(rows.length - 1, at + by))
    const next = rows[index]
    if (next === undefined) return
    onSelect(next.seq)
    virtual.scrollToIndex(index)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows that are not drawn cannot be in a table
    <div
      ref={frame}
      className={classes.list}
      role="grid"
      aria-label="Checkpoints"
      aria-rowcount={rows.length + 1}
      tabIndex={0}
      onKeyDown={move}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus */}
      <div className={classes.listHead} role="row">
        {COLUMNS.map((name) => (
          // biome-ignore lint/a11y/useSemanticElements: as above
          // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
          <span key={name} role="columnheader">
            {name}
          </span>
        ))}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div className={classes.listBody} style={{ height: virtual.getTotalSize() }} role="rowgroup">
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index]
          if (row === undefined) return null
          return (
            <Row
              key={row.seq}
              row={row}
              index={index}
              top={start}
              isSelected={row.seq === selected}
              onSelect={onSelect}
            />
          )
        })}
      </div>
    </div>
  )
}

interface RowProps {
  row: CheckpointRow
  index: number
  top: number
  isSelected: boolean
  onSelect: (seq: number) => void
}

function Row({ row, index, top, isSelected, onSelect }: RowProps) {
  const message = row.message.split('.').at(-1) ?? ''
  const size = row.frames === null ? sizeText(row.outputBytes) : `${row.frames} frames`
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the grid
    // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      className={classes.listRow}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(row.seq)}
    >
      {[row.seq, row.position, message, row.attempt, durationText(row.durationMs), size].map(
        (cell, column) => (
          // biome-ignore lint/a11y/useSemanticElements: see the grid
          // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
          <span
            key={COLUMNS[column]}
            role="gridcell"
            title={column === 2 ? row.message : undefined}
            data-column={COLUMNS[column]}
          >
            {cell}
            {column === 1 && row.child !== null && (
              <CornerDownRight size={13} aria-label="by a child execution" />
            )}
          </span>
        ),
      )}
    </div>
  )
}
