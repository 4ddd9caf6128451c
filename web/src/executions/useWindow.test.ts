import { describe, expect, it } from 'vitest'
import { stepOf } from './useRowKeys'
import { drawn, placeAt, ROW_PX, rangeOf } from './useWindow'

const HEIGHT = 20 * ROW_PX

describe('the rows that are drawn', () => {
  it.each([0, 1, 39, 40, 41, 1_000, 3_999_000])('cover the view at %s px', (top) => {
    const { start, end } = rangeOf(top, HEIGHT, 100_000)
    expect(start * ROW_PX).toBeLessThanOrEqual(top)
    expect(end * ROW_PX).toBeGreaterThanOrEqual(Math.min(top + HEIGHT, 100_000 * ROW_PX))
    expect(end - start).toBeLessThan(60)
  })

  it('are those that there are', () => {
    expect(rangeOf(0, HEIGHT, 0)).toEqual({ start: 0, end: 0 })
    expect(rangeOf(0, HEIGHT, 3)).toEqual({ start: 0, end: 3 })
  })

  it('are the last ones where the list has become shorter than it is scrolled', () => {
    const { start, end } = rangeOf(9_000, HEIGHT, 50)
    expect(end).toBe(50)
    expect(start).toBeLessThan(end - 19)
  })
})

describe('where the list is scrolled to', () => {
  const before = { top: 1_000 * ROW_PX, height: HEIGHT, jumped: false }

  it('is the same until another row comes to be drawn', () => {
    expect(placeAt(before, 1_001 * ROW_PX, HEIGHT)).toBe(before)
    expect(placeAt(before, 1_004 * ROW_PX, HEIGHT)).toEqual({ ...before, top: 1_004 * ROW_PX })
  })

  it.each([0, 970, 1_030, 90_000])('is far from there at row %s', (row) => {
    expect(placeAt(before, row * ROW_PX, HEIGHT).jumped).toBe(true)
  })

  it('draws no more than what is in view after a jump', () => {
    const { start, end } = rangeOf(before.top, HEIGHT, 100_000, 0)
    expect(start).toBe(1_000)
    expect(end - start).toBe(24)
  })
})

describe('a key in the list', () => {
  it.each([
    ['ArrowDown', 5, 6],
    ['ArrowUp', 5, 4],
    ['ArrowUp', 0, 0],
    ['ArrowDown', 99, 99],
    ['PageDown', 5, 25],
    ['PageUp', 5, 0],
    ['Home', 50, 0],
    ['End', 50, 99],
    ['a', 50, null],
  ])('%s at row %s leads to %s', (key, from, to) => {
    expect(stepOf(key, from, 100, 20)).toBe(to)
  })
})

describe('the row that Tab comes to', () => {
  it.each([
    [0, [0, 5, 6, 7]],
    [6, [5, 6, 7]],
    [9, [5, 6, 7, 9]],
    [20, [5, 6, 7]],
  ])('is drawn once, in its order, if there is one: %s', (current, indices) => {
    expect(drawn({ start: 5, end: 8 }, current, 20)).toEqual(indices)
  })
})
