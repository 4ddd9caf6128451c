import { MultiSelect, Select } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ChevronRight } from 'lucide-react'
import { type CSSProperties, useEffect, useMemo, useRef, useState } from 'react'
import type { Artifact, Event } from '../api/types'
import { Blank } from '../parts/Blank'
import { JsonView } from '../parts/JsonView'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import { absolute, durationText, inFull } from '../parts/time'
import type { HistoryView } from './data'
import classes from './events.module.css'
import { colourOfKind, summary } from './eventWords'
import { lastUntil } from './replay/changes'
import type { Shown } from './replay/use'
import { Scrolls } from './Scrolls'
import { useExecutionSearch } from './search'
import type { Clock } from './time'

interface Props {
  history: HistoryView
  shown: Shown
  artifact: Artifact
  clock: Clock
}

const ROW = 32
/** So close to the end, the list stays at the end when more comes. */
const NEAR_END_PX = 48

/** Every line of the history. */
export function EventsTab({ history, shown, artifact, clock }: Props) {
  const [search, change] = useExecutionSearch()
  const kinds = useMemo(() => (search.kind ?? '').split(',').filter(Boolean), [search.kind])
  const found = useMemo(
    () => wanted(history.events, search.of, kinds),
    [history.events, search.of, kinds],
  )
  const known = [...shown.replay.counts.keys()].sort()
  return (
    <div className={classes.events}>
      <div className={classes.filters}>
        <Select
          size="xs"
          aria-label="Placement"
          placeholder="Any placement"
          data={artifact.nodes.map((node) => node.alias)}
          value={search.of ?? null}
          onChange={(of) => change({ of: of ?? undefined })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Any placement' }}
        />
        <MultiSelect
          size="xs"
          aria-label="Kinds"
          placeholder={kinds.length === 0 ? 'Any kind' : ''}
          data={[...new Set([...known, ...kinds])]}
          value={kinds}
          onChange={(chosen) => change({ kind: chosen.join(',') || undefined })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Any kind' }}
          className={classes.kinds ?? ''}
        />
        <span className={classes.found} role="status">
          {found.length.toLocaleString('en')} of {history.events.length.toLocaleString('en')} events
          {!history.complete && ', loading'}
        </span>
      </div>
      {history.failure !== null && history.events.length === 0 && (
        <Trouble failure={history.failure} />
      )}
      {found.length > 0 ? (
        <List events={found} shown={shown} clock={clock} />
      ) : history.complete ? (
        <Blank title="No such events" text="No event of this execution is of these kinds." />
      ) : (
        <Loading />
      )}
    </div>
  )
}

function wanted(events: Event[], of: string | undefined, kinds: readonly string[]): Event[] {
  if (of === undefined && kinds.length === 0) return events
  const some = new Set(kinds)
  return events.filter(
    (event) =>
      (of === undefined || event.placement === of) && (some.size === 0 || some.has(event.kind)),
  )
}

function List({ events, shown, clock }: { events: Event[]; shown: Shown; clock: Clock }) {
  const scroller = useRef<HTMLElement>(null)
  const [open, setOpen] = useState<number | null>(null)
  const follows = useRef(!shown.replay.ended)
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => events[index]?.seq ?? index,
    overscan: 12,
  })
  useEffect(() => {
    if (follows.current && events.length > 0) virtual.scrollToIndex(events.length - 1)
  }, [events.length, virtual])
  const origin = shown.replay.origin ?? 0
  const now = origin + clock.t
  const latest = lastUntil(events, now, ({ at }) => Date.parse(at))
  useEffect(() => {
    if (!clock.follows && latest >= 0) virtual.scrollToIndex(latest, { align: 'auto' })
  }, [clock.follows, latest, virtual])
  return (
    <Scrolls
      ref={scroller}
      className={classes.scroller}
      label="Events"
      onScroll={({ currentTarget: at }) => {
        follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END_PX
      }}
    >
      <ol style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const event = events[index]
          if (!event) return null
          const isOpen = open === event.seq
          const offset = Date.parse(event.at) - origin
          return (
            <li
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              data-later={index > latest || undefined}
              data-now={(index === latest && !clock.follows) || undefined}
              style={{ transform: `translateY(${start}px)` }}
            >
              <Line
                event={event}
                offset={offset}
                isOpen={isOpen}
                onClick={() => {
                  setOpen(isOpen ? null : event.seq)
                  clock.go(Math.max(0, offset))
                }}
              />
              {isOpen && (
                <div className={classes.more}>
                  <span className="ax-dim">{inFull(event.at)}</span>
                  <JsonView value={event.detail} />
                </div>
              )}
            </li>
          )
        })}
      </ol>
    </Scrolls>
  )
}

function Line(props: { event: Event; offset: number; isOpen: boolean; onClick: () => void }) {
  const { event, offset, isOpen, onClick } = props
  const style = { '--line': `var(${colourOfKind(event.kind)})` } as CSSProperties
  return (
    <button
      type="button"
      className={classes.line}
      style={style}
      aria-expanded={isOpen}
      onClick={onClick}
    >
      <ChevronRight size={13} className={classes.arrow} aria-hidden />
      <span className={classes.seq}>{event.seq}</span>
      <time dateTime={event.at} title={inFull(event.at)}>
        {absolute(event.at).slice(11)}
      </time>
      <span className={classes.offset}>+{durationText(offset)}</span>
      <span className={classes.kind}>{event.kind}</span>
      <span className={classes.position}>{event.position ?? ''}</span>
      <span className={classes.words}>{summary(event)}</span>
    </button>
  )
}
