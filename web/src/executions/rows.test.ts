import { describe, expect, it } from 'vitest'
import type { Execution, Status } from '../api/types'
import { append, begin, chunksWithin, flat, moved, type Page, type Rows, refresh } from './rows'

function row(id: string | number, status: Status = 'COMPLETED', updated = 'then'): Execution {
  const execution: Partial<Execution> = { execution_id: String(id), status, updated_at: updated }
  return execution as Execution
}

/** Rows from one number down to another, as in a list with the newest first. */
function down(from: number, to: number): Execution[] {
  return Array.from({ length: from - to + 1 }, (_, step) => row(from - step))
}

function ids(rows: Rows | null): string[] {
  return rows ? flat(rows).map((one) => one.execution_id) : ['the list does not meet the page']
}

function numbers(from: number, to: number): string[] {
  return down(from, to).map((one) => one.execution_id)
}

const two: Rows = append(begin({ rows: down(9, 6), next: 'c6' }), 'c6', {
  rows: down(5, 3),
  next: 'c3',
})

describe('a page at the end', () => {
  it('goes behind what is known', () => {
    expect(ids(two)).toEqual(numbers(9, 3))
    expect(two.next).toBe('c3')
  })

  it('is left out if the list does not end there any more', () => {
    expect(append(two, 'c6', { rows: down(5, 1), next: null })).toBe(two)
  })

  it('may be empty and still lead on', () => {
    const searched = append(two, 'c3', { rows: [], next: 'c1' })
    expect(searched.chunks).toHaveLength(2)
    expect(searched.next).toBe('c1')
  })
})

describe('the top, read again', () => {
  it('changes nothing if nothing has changed', () => {
    expect(refresh(two, 0, { rows: down(9, 6), next: 'c6' })).toBe(two)
  })

  it('brings what has begun', () => {
    expect(ids(refresh(two, 0, { rows: down(11, 8), next: 'c8' }))).toEqual(numbers(11, 3))
  })

  it('brings what has changed, and keeps every other row as the very same', () => {
    const page: Page = { rows: [row(9), row(8, 'FAILED', 'now'), row(7), row(6)], next: 'c6' }
    const now = flat(refresh(two, 0, page) ?? two)
    expect(now[1]?.status).toBe('FAILED')
    expect(now[0]).toBe(flat(two)[0])
    expect(now).toHaveLength(7)
  })

  it('drops what the filter no longer lets through', () => {
    const page: Page = { rows: [row(9), row(7), row(6), row(5)], next: 'c5' }
    expect(ids(refresh(two, 0, page))).toEqual(['9', '7', '6', '5', '4', '3'])
  })

  it('ends the list where there is nothing behind it any more', () => {
    const now = refresh(two, 0, { rows: down(9, 8), next: null })
    expect(ids(now)).toEqual(['9', '8'])
    expect(now?.next).toBeNull()
  })

  it('fills a list that was empty', () => {
    expect(
      ids(refresh(begin({ rows: [], next: null }), 0, { rows: [row(1)], next: null })),
    ).toEqual(['1'])
  })

  it('says so if more has begun than it holds', () => {
    expect(refresh(two, 0, { rows: down(40, 20), next: 'c20' })).toBeNull()
  })

  it('keeps everything while a search has not come to the first hit', () => {
    expect(refresh(two, 0, { rows: [], next: 'c8' })).toBe(two)
  })

  it('is cut where it has grown long, at a place that can be read again', () => {
    const long = begin({ rows: down(500, 1), next: null })
    const now = refresh(long, 0, { rows: down(510, 411), next: 'c411' })
    expect(now?.chunks.map((chunk) => [chunk.cursor, chunk.rows.length])).toEqual([
      [undefined, 100],
      ['c411', 410],
    ])
    expect(ids(now)).toEqual(numbers(510, 1))
  })
})

describe('a run further down, read again', () => {
  it('leaves the others alone', () => {
    const now = refresh(two, 1, {
      rows: [row(5), row(4, 'FAILED', 'now'), ...down(3, 1)],
      next: 'c1',
    })
    expect(now?.chunks[0]).toBe(two.chunks[0])
    expect(flat(now ?? two)[5]?.status).toBe('FAILED')
  })

  it('stops at the next run', () => {
    const three = append(two, 'c3', { rows: down(2, 1), next: null })
    expect(ids(refresh(three, 1, { rows: down(5, 2), next: 'c2' }))).toEqual(numbers(9, 1))
  })
})

describe('the runs in view', () => {
  const running = append(begin({ rows: down(9, 6), next: 'c6' }), 'c6', {
    rows: [row(5, 'RUNNING'), ...down(4, 3)],
    next: null,
  })
  const alive = (one: Execution) => one.status === 'RUNNING'

  it('are those with a row that matches', () => {
    expect(chunksWithin(running, 0, 6, alive)).toEqual([1])
    expect(chunksWithin(running, 4, 4, alive)).toEqual([1])
  })

  it('are none where it is out of view', () => {
    expect(chunksWithin(running, 0, 3, alive)).toEqual([])
    expect(chunksWithin(running, 5, 6, alive)).toEqual([])
  })
})

describe('how far the view has moved', () => {
  const before = down(9, 1)

  it('is what has begun above it', () => {
    expect(moved(before, [...down(12, 10), ...before], 4)).toBe(3)
  })

  it('is what has gone from above it', () => {
    expect(moved(before, before.slice(2), 4)).toBe(-2)
  })

  it('is nothing if only rows below are new', () => {
    expect(moved(before, [...before, row(0)], 4)).toBe(0)
  })

  it('is that of a neighbour if the row itself is gone', () => {
    const now = [row(10), ...before.filter((one) => one.execution_id !== '5')]
    expect(moved(before, now, 4)).toBe(0)
  })
})
