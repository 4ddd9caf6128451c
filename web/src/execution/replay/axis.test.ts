import { describe, expect, it } from 'vitest'
import { idleSpans, makeAxis, ticks } from './axis'
import { rowsOf } from './bars'
import { artifact, history } from './history.fixture'
import { advance } from './play'
import { replayOf } from './replay'

const HOUR = 3_600_000

describe('an axis', () => {
  it('is even where nothing waits for long', () => {
    const axis = makeAxis(
      [
        { start: 0, end: 400 },
        { start: 500, end: 1_000 },
      ],
      1_000,
    )
    expect(axis.place(250)).toBeCloseTo(0.25)
    expect(axis.time(0.9)).toBeCloseTo(900)
    expect(ticks(axis, 5).map(({ t }) => t)).toEqual([0, 200, 400, 600, 800, 1_000])
  })

  it('folds a wait that would leave nothing to see of the work', () => {
    const axis = makeAxis(
      [
        { start: 0, end: 100 },
        { start: HOUR, end: HOUR + 100 },
      ],
      HOUR + 100,
    )
    expect(axis.place(100)).toBeGreaterThan(0.4)
    expect(axis.place(HOUR)).toBeLessThan(0.6)
    for (const t of [0, 50, 100, HOUR / 2, HOUR, HOUR + 60])
      expect(axis.time(axis.place(t))).toBeCloseTo(t, 3)
    expect(ticks(axis, 10).every(({ t }) => t <= 100 || t >= HOUR)).toBe(true)
  })

  it('has a place for every time even if nothing ran at all', () => {
    for (const length of [0, 10, HOUR]) {
      const axis = makeAxis([], length)
      expect(axis.place(0)).toBe(0)
      expect(axis.place(axis.length)).toBeCloseTo(1)
    }
  })

  it('counts what still runs as work', () => {
    expect(idleSpans([{ start: 10, end: null }], 100)).toEqual([{ start: 0, end: 10 }])
  })
})

describe('playing', () => {
  const replay = replayOf(
    artifact('a>b'),
    history(
      [0, 'node_started', 'a:1'],
      [400, 'node_completed', 'a:1'],
      [400, 'pause_opened', 'b'],
      [HOUR, 'pause_resumed', 'b'],
      [HOUR + 1, 'node_started', 'b:1'],
      [HOUR + 301, 'node_completed', 'b:1'],
    ),
  )

  it('goes as it went while something runs', () => {
    expect(advance(replay, 0, 150, replay.end)).toBe(150)
  })

  it('goes quickly over what was only a wait', () => {
    expect(advance(replay, 400, 700, replay.end)).toBeCloseTo(HOUR, -1)
  })

  it('stops at the end', () => {
    expect(advance(replay, HOUR, 60_000, replay.end)).toBe(replay.end)
  })
})

describe('rows', () => {
  it('stack what overlaps, and show what waits', () => {
    const replay = replayOf(
      artifact('split>pack'),
      history(
        [0, 'node_started', 'pack[0]:1'],
        [1, 'node_started', 'pack[1]:1'],
        [10, 'node_completed', 'pack[0]:1'],
        [11, 'node_started', 'pack[2]:1'],
        [20, 'node_completed', 'pack[1]:1'],
        [30, 'pause_opened', 'split'],
      ),
    )
    const rows = rowsOf(replay)
    expect(rows.map(({ alias, lanes }) => [alias, lanes])).toEqual([
      ['pack', 2],
      ['split', 1],
    ])
    expect(rows[0]?.bars.map(({ position, lane }) => [position, lane])).toEqual([
      ['pack[0]', 0],
      ['pack[1]', 1],
      ['pack[2]', 0],
    ])
    expect(rows[1]?.bars).toMatchObject([{ kind: 'pause', start: 30, end: null }])
  })

  it('count what is too many to be drawn one by one', () => {
    const starts = Array.from({ length: 40 }, (_, n) => [n, 'node_started', `a[${n}]:1`] as const)
    const ends = starts.map(([n, , about]) => [n + 100, 'node_completed', about] as const)
    const replay = replayOf(
      artifact('a>b'),
      history(...([...starts, ...ends] as unknown as Parameters<typeof history>)),
    )
    const [row] = rowsOf(replay)
    expect(row).toMatchObject({ visits: 40, most: 40 })
    expect(row?.load?.at(-1)).toEqual({ t: 139, count: 0 })
  })
})
