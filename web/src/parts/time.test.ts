import { describe, expect, it } from 'vitest'
import {
  absolute,
  beginningOf,
  dayBefore,
  durationText,
  endOf,
  fromField,
  inFull,
  isDay,
  relative,
  toField,
} from './time'

const NOW = Date.parse('2026-05-28T18:26:40.123Z')
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

describe('a duration', () => {
  it.each([
    [null, '–'],
    [0, '0 ms'],
    [84, '84 ms'],
    [84.4, '84 ms'],
    [999, '999 ms'],
    [999.6, '1.000 s'],
    [1_200, '1.200 s'],
    [59_999, '59.999 s'],
    [MINUTE, '1 min'],
    [2 * MINUTE + 5 * SECOND, '2 min 5 s'],
    [3 * HOUR + 2 * MINUTE, '3 h 2 min'],
    [3 * HOUR, '3 h'],
    [97 * HOUR, '4 d 1 h'],
    [-3, '0 ms'],
  ])('of %s ms reads %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })
})

describe('how long ago', () => {
  it.each([
    [0, 'just now'],
    [-12 * SECOND, '12 s ago'],
    [-3 * MINUTE - 59 * SECOND, '3 min ago'],
    [-5 * HOUR, '5 h ago'],
    [-50 * HOUR, '2 d ago'],
    [2 * HOUR, 'in 2 h'],
  ])('%s ms from now reads %s', (distance, text) => {
    expect(relative(new Date(NOW + distance).toISOString(), NOW)).toBe(text)
  })

  it('is nothing for no moment', () => {
    expect(relative(null, NOW)).toBe('')
    expect(absolute(null)).toBe('–')
  })
})

describe('a moment', () => {
  it('keeps its milliseconds and names its zone', () => {
    const at = new Date(NOW).toISOString()
    expect(absolute(at)).toMatch(/^2026-05-2[89] \d{2}:\d{2}:40\.123$/)
    expect(inFull(at)).toMatch(/UTC[+-]\d{2}:\d{2} \(.+\)$/)
  })
})

describe('a field for a moment', () => {
  it.each(['2026-05-28T18:26:40.123Z', '2026-05-28T18:26:00.000Z'])('gives back %s', (at) => {
    expect(fromField(toField(at))).toBe(at)
  })

  it('is empty for none', () => {
    expect(toField(null)).toBe('')
    expect(fromField('')).toBeNull()
  })
})

describe('a day', () => {
  it('begins at midnight and ends where the next one begins', () => {
    expect(endOf('2026-05-28')).toBe(beginningOf('2026-05-29'))
    expect(Date.parse(endOf('2026-05-28')) - Date.parse(beginningOf('2026-05-28'))).toBe(24 * HOUR)
  })

  it('is told from what is none', () => {
    expect(isDay('2026-02-28')).toBe(true)
    for (const text of ['2026-02-30', '2026-2-3', 'yesterday', '']) expect(isDay(text)).toBe(false)
  })

  it('is counted back over the end of a month', () => {
    expect(dayBefore(Date.parse('2026-03-02T12:00:00Z'), 3)).toBe('2026-02-27')
  })
})
