import { ActionIcon, SegmentedControl } from '@mantine/core'
import { Pause, Play, SkipBack, SkipForward, StepBack, StepForward } from 'lucide-react'
import { type KeyboardEvent, memo, type PointerEvent, useRef } from 'react'
import { durationText } from '../parts/time'
import classes from './detail.module.css'
import { MiniLanes } from './MiniLanes'
import { nextOffset, previousOffset } from './replay/at'
import type { Axis } from './replay/axis'
import type { Row } from './replay/bars'
import type { Shown } from './replay/use'
import type { Clock } from './time'

interface Props {
  shown: Shown
  rows: readonly Row[]
  axis: Axis
  length: number
  clock: Clock
}

const SPEEDS = [
  { value: '0.25', label: '¼×' },
  { value: '1', label: '1×' },
  { value: '4', label: '4×' },
]

/** Moves through the execution's time: by hand, by event, or as it went. */
export const Scrubber = memo(function Scrubber(props: Props) {
  const { shown, rows, axis, length, clock } = props
  const { replay } = shown
  const steps = {
    first: () => clock.go(0),
    back: () => clock.go(previousOffset(replay, clock.t)),
    on: () => forward(),
    last: () => clock.go(null),
  }
  const forward = () => {
    const next = nextOffset(replay, clock.t)
    clock.go(replay.ended && next >= replay.end ? null : next)
  }
  return (
    <section className={classes.scrubber} aria-label="Replay">
      <div className={classes.buttons}>
        <Step name="To the beginning" icon={SkipBack} onClick={steps.first} />
        <Step name="Previous event" icon={StepBack} onClick={steps.back} />
        <ActionIcon
          size={34}
          radius="xl"
          variant="filled"
          aria-label={clock.playing ? 'Pause the replay' : 'Play the replay'}
          onClick={() => clock.play(!clock.playing)}
        >
          {clock.playing ? <Pause size={16} /> : <Play size={16} />}
        </ActionIcon>
        <Step name="Next event" icon={StepForward} onClick={steps.on} />
        <Step name="To the end" icon={SkipForward} onClick={steps.last} />
      </div>
      <Track shown={shown} rows={rows} axis={axis} length={length} clock={clock} steps={steps} />
      <span className={classes.clock}>
        {clockText(clock.t)} <span>/ {clockText(length)}</span>
      </span>
      <SegmentedControl
        size="xs"
        aria-label="Speed"
        data={SPEEDS}
        value={String(clock.speed)}
        onChange={(value) => clock.setSpeed(Number(value))}
      />
    </section>
  )
})

/** Below a minute always in seconds, so that nothing jumps while it plays. */
function clockText(ms: number): string {
  return ms < 1_000 ? `${(ms / 1_000).toFixed(3)} s` : durationText(ms)
}

function Step(props: { name: string; icon: typeof Play; onClick: () => void }) {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size={30}
      aria-label={props.name}
      title={props.name}
      onClick={props.onClick}
    >
      <props.icon size={16} />
    </ActionIcon>
  )
}

type Steps = Record<'first' | 'back' | 'on' | 'last', () => void>

function Track(props: Props & { steps: Steps }) {
  const { shown, rows, axis, length, clock, steps } = props
  const slider = useRef<HTMLInputElement>(null)
  const keys: { [key: string]: () => void } = {
    ArrowLeft: steps.back,
    ArrowRight: steps.on,
    Home: steps.first,
    End: steps.last,
    ' ': () => clock.play(!clock.playing),
  }
  const press = (event: KeyboardEvent) => {
    const act = keys[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }
  // The axis folds long waits, which a range input cannot: the pointer is read here.
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const place = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    clock.go(place >= 1 ? null : Math.round(axis.time(place)))
  }
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    event.preventDefault()
    event.currentTarget.setPointerCapture(event.pointerId)
    slider.current?.focus()
    point(event)
  }
  const place = axis.place(clock.t) * 100
  return (
    <div
      className={classes.track}
      onPointerDown={begin}
      onPointerMove={(event) => {
        if (event.buttons === 1) point(event)
      }}
    >
      <MiniLanes shown={shown} rows={rows} axis={axis} />
      <span className={classes.passed} style={{ width: `${place}%` }} />
      <span className={classes.head} style={{ left: `${place}%` }} />
      <input
        ref={slider}
        type="range"
        aria-label="Time"
        aria-valuetext={`${durationText(clock.t)} of ${durationText(length)}`}
        min={0}
        max={Math.round(length)}
        step={1}
        value={Math.round(clock.t)}
        onChange={(event) => clock.go(Number(event.currentTarget.value))}
        onKeyDown={press}
      />
    </div>
  )
}
