import { memo, useMemo } from 'react'
import classes from './detail.module.css'
import type { Axis } from './replay/axis'
import type { Bar, Row } from './replay/bars'
import type { Shown } from './replay/use'

const WIDTH = 1_000
const HEIGHT = 34
const TICKS_MOST = 400

/** Which colour a bar has, by what it was. */
export function barColour(bar: Bar): string {
  if (bar.kind === 'gate') return '--ax-waiting-on-gate'
  if (bar.kind === 'pause' || bar.kind === 'doubt') return '--ax-paused-hitl'
  if (bar.kind === 'held') return '--ax-debug-paused'
  if (bar.kind === 'retry') return '--ax-queued'
  if (bar.outcome === 'running') return '--ax-running'
  if (bar.outcome === 'stopped') return '--ax-cancelled'
  if (bar.outcome !== 'completed') return '--ax-failed'
  return bar.kind === 'undo' ? '--ax-compensating' : '--ax-completed'
}

/** The whole gantt in the height of a line, one path for each colour however much there is. */
export const MiniLanes = memo(function MiniLanes(props: {
  shown: Shown
  rows: readonly Row[]
  axis: Axis
}) {
  const { shown, rows, axis } = props
  const paths = useMemo(() => pathsOf(rows, axis), [rows, axis])
  const marks = useMemo(() => marksOf(shown.replay.offsets, axis), [shown, axis])
  const losses = useMemo(() => marksOf(shown.replay.losses, axis, 0), [shown, axis])
  return (
    <svg
      className={classes.lanes}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden
    >
      {axis.pieces.map(
        (piece) =>
          piece.folded && (
            <rect
              key={piece.start}
              className={classes.fold}
              x={piece.from * WIDTH}
              width={piece.share * WIDTH}
              height={HEIGHT}
            />
          ),
      )}
      {[...paths].map(([colour, path]) => (
        <path key={colour} d={path} fill={`var(${colour})`} />
      ))}
      <path className={classes.marks} d={marks} />
      <path className={classes.losses} d={losses} />
    </svg>
  )
})

function pathsOf(rows: readonly Row[], axis: Axis): Map<string, string> {
  const pitch = Math.min(4.5, (HEIGHT - 8) / Math.max(1, rows.length))
  const parts = new Map<string, string[]>()
  rows.forEach((row, index) => {
    const y = 3 + index * pitch
    const height = Math.max(0.6, Math.min(2.4, pitch - 0.6))
    // Of one colour, what lies within the same pixel is drawn once.
    const drawn = new Map<string, number>()
    for (const bar of row.bars) {
      const colour = barColour(bar)
      const from = axis.place(bar.start) * WIDTH
      const to = Math.max(from + 1, axis.place(bar.end ?? axis.length) * WIDTH)
      if (to <= (drawn.get(colour) ?? -1)) continue
      drawn.set(colour, to)
      const part = `M${from.toFixed(1)} ${y.toFixed(1)}H${to.toFixed(1)}v${height.toFixed(1)}H${from.toFixed(1)}z`
      const all = parts.get(colour)
      if (all) all.push(part)
      else parts.set(colour, [part])
    }
  })
  return new Map([...parts].map(([colour, all]) => [colour, all.join('')]))
}

function marksOf(times: readonly number[], axis: Axis, top = HEIGHT - 5): string {
  const every = Math.max(1, Math.floor(times.length / TICKS_MOST))
  const chosen = times.filter((_, index) => index % every === 0)
  return chosen.map((t) => `M${(axis.place(t) * WIDTH).toFixed(1)} ${top}V${HEIGHT}`).join('')
}
