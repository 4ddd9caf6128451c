import { useElementSize } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type CSSProperties, type MouseEvent, memo, type Ref, useLayoutEffect, useRef } from 'react'
import { Blank } from '../parts/Blank'
import { durationText } from '../parts/time'
import type { HistoryView } from './data'
import { barColour } from './MiniLanes'
import { type Axis, ticks } from './replay/axis'
import type { Bar, Row } from './replay/bars'
import { Scrolls } from './Scrolls'
import type { Clock } from './time'
import classes from './timeline.module.css'

interface Props {
  history: HistoryView
  rows: readonly Row[]
  axis: Axis
  clock: Clock
  onShowNode: (alias: string) => void
}

const LANE = 24
const ROW_PAD = 8
const TICK_PX = 120

/** What each placement did when: calls, losses, retries, and what it waited for. */
export function TimelineTab({ history, rows, axis, clock, onShowNode }: Props) {
  const line = useRef<HTMLElement>(null)
  // Only the line moves with the clock: the lanes are not drawn again for it.
  useLayoutEffect(() => {
    line.current?.style.setProperty('left', `${axis.place(clock.t) * 100}%`)
  })
  if (rows.length === 0 && history.complete)
    return <Blank title="Nothing has run yet" text="Calls appear here as soon as they begin." />
  return <Lanes rows={rows} axis={axis} go={clock.go} onShowNode={onShowNode} line={line} />
}

interface LanesProps extends Pick<Props, 'rows' | 'axis' | 'onShowNode'> {
  go: Clock['go']
  line: Ref<HTMLElement>
}

const Lanes = memo(function Lanes({ rows, axis, go, onShowNode, line }: LanesProps) {
  const scroller = useRef<HTMLElement>(null)
  const { ref, width } = useElementSize<HTMLDivElement>()
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.lanes ?? 1) * LANE + ROW_PAD,
    getItemKey: (index) => rows[index]?.alias ?? index,
    overscan: 6,
  })
  const marks = ticks(axis, Math.max(2, Math.floor(width / TICK_PX)))
  const seek = (event: MouseEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    go(Math.round(axis.time((event.clientX - box.left) / box.width)))
  }
  return (
    <div className={classes.timeline}>
      <div className={classes.scale}>
        <span />
        <div ref={ref} className={classes.ticks}>
          {marks.map(({ t, place }) => (
            <span key={t} style={{ left: `${place * 100}%` }} data-edge={edge(place)}>
              {tickText(t)}
            </span>
          ))}
        </div>
      </div>
      <Scrolls ref={scroller} className={classes.scroller} label="Timeline by placement">
        <div className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          <Grid marks={marks} axis={axis} />
          {virtual.getVirtualItems().map(({ index, start, key }) => {
            const row = rows[index]
            if (!row) return null
            return (
              <div
                key={key}
                className={classes.row}
                style={{ top: start, height: row.lanes * LANE + ROW_PAD }}
              >
                <button type="button" onClick={() => onShowNode(row.alias)} title={row.alias}>
                  <span>{row.alias}</span>
                  {row.visits > 1 && <small>{row.visits}×</small>}
                </button>
                {/* biome-ignore lint/a11y/noStaticElementInteractions: the scrubber does the same by keys. */}
                {/* biome-ignore lint/a11y/useKeyWithClickEvents: the scrubber does the same by keys. */}
                <div className={classes.lane} onClick={seek}>
                  {row.load ? <Counted row={row} axis={axis} /> : <Bars row={row} axis={axis} />}
                </div>
              </div>
            )
          })}
          <div className={classes.now} aria-hidden>
            <i ref={line} />
          </div>
        </div>
      </Scrolls>
    </div>
  )
})

/** Where the times of the scale are, and what is folded between them. */
function Grid({ marks, axis }: { marks: ReturnType<typeof ticks>; axis: Axis }) {
  return (
    <div className={classes.grid} aria-hidden>
      {marks.map(({ t, place }) => (
        <i key={t} style={{ left: `${place * 100}%` }} />
      ))}
      {axis.pieces.map(
        ({ folded, start, end, from, share }) =>
          folded && (
            <b
              key={start}
              style={{ left: `${from * 100}%`, width: `${share * 100}%` }}
              title={`Nothing ran for ${durationText(end - start)}`}
            />
          ),
      )}
    </div>
  )
}

function edge(place: number): string | undefined {
  return place < 0.02 ? 'start' : place > 0.97 ? 'end' : undefined
}

function tickText(t: number): string {
  if (t < 10_000) return t % 1_000 === 0 && t >= 2_000 ? `${t / 1_000} s` : `${t} ms`
  return durationText(t).replace('.000', '')
}

const Bars = memo(function Bars({ row, axis }: { row: Row; axis: Axis }) {
  return row.bars.map((bar) => <One key={barKey(bar)} bar={bar} axis={axis} />)
})

function barKey(bar: Bar): string {
  return `${bar.position} ${bar.kind} ${bar.attempt} ${bar.start}`
}

function One({ bar, axis }: { bar: Bar; axis: Axis }) {
  const from = axis.place(bar.start)
  const width = axis.place(bar.end ?? axis.length) - from
  const style = {
    '--line': `var(${barColour(bar)})`,
    left: `${from * 100}%`,
    width: `max(4px, ${width * 100}%)`,
    top: ROW_PAD / 2 + bar.lane * LANE,
  } as CSSProperties
  const words = describe(bar, axis)
  return (
    <div
      className={classes.bar}
      style={style}
      role="img"
      aria-label={words}
      title={words}
      data-kind={bar.kind}
      data-outcome={bar.outcome ?? undefined}
    >
      <span>{label(bar, axis)}</span>
    </div>
  )
}

const NAMES: Record<Bar['kind'], string> = {
  call: 'call',
  undo: 'undoing',
  gate: 'waited for arms',
  pause: 'paused',
  retry: 'waited for a retry',
  held: 'held by the debugger',
  doubt: 'in doubt',
}

function label(bar: Bar, axis: Axis): string {
  const parts = [durationText((bar.end ?? axis.length) - bar.start)]
  if (bar.kind === 'undo') parts.push('undo')
  if (bar.again || bar.attempt > 1) parts.push(`attempt ${bar.attempt}`)
  const hash = bar.position.search(/[#[]/)
  if (hash >= 0) parts.push(bar.position.slice(hash))
  if (bar.kind === 'pause' && bar.message) parts.push(bar.message)
  return parts.join(' · ')
}

function describe(bar: Bar, axis: Axis): string {
  const attempt = bar.attempt > 0 ? ` ${bar.attempt}` : ''
  const outcome = bar.outcome ? ` ${bar.outcome.replaceAll('_', ' ')}` : ''
  const length = durationText((bar.end ?? axis.length) - bar.start)
  const words = `${bar.position}: ${NAMES[bar.kind]}${attempt}${outcome}, ${length}, at ${durationText(bar.start)}`
  return bar.message ? `${words}: ${bar.message}` : words
}

/** Too many at a time to be drawn one by one: how many were in flight, and what failed. */
function Counted({ row, axis }: { row: Row; axis: Axis }) {
  const load = row.load ?? []
  const points: string[] = []
  let before = 0
  for (const { t, count } of load) {
    const x = (axis.place(t) * 1_000).toFixed(1)
    points.push(`${x},${height(before, row.most)} ${x},${height(count, row.most)}`)
    before = count
  }
  const end = axis.place(axis.length) * 1_000
  const failed = row.bars.filter((bar) => bar.outcome === 'failed' || bar.outcome === 'timed_out')
  return (
    <>
      <svg viewBox="0 0 1000 100" preserveAspectRatio="none" className={classes.load} aria-hidden>
        <polygon
          points={`0,100 ${points.join(' ')} ${end},${height(before, row.most)} ${end},100`}
        />
        {failed.slice(0, 200).map((bar) => (
          <rect
            key={barKey(bar)}
            x={axis.place(bar.end ?? bar.start) * 1_000}
            width={1.5}
            y={0}
            height={100}
          />
        ))}
      </svg>
      <span className={classes.loadWords}>
        {row.visits.toLocaleString('en')} visits, at most {row.most} at once
        {failed.length > 0 && `, ${failed.length} failed calls`}
      </span>
    </>
  )
}

function height(count: number, most: number): string {
  return (100 - (count / Math.max(1, most)) * 92).toFixed(1)
}
