import { describe, expect, it } from 'vitest'
import { beginningOf, endOf } from '../parts/time'
import { readExecutionsSearch, readStatuses, toQuery } from './search'

describe('the filters in an address', () => {
  it('are read whole', () => {
    const search = {
      status: 'failed, RUNNING',
      flow: 'acme/x',
      from: '2026-05-01',
      to: '2026-05-02',
    }
    expect(readExecutionsSearch({ ...search, q: ' 0af7 ' })).toEqual({
      ...search,
      status: 'RUNNING,FAILED',
      q: '0af7',
    })
  })

  it('leave out what makes no sense', () => {
    const search = { status: 'BROKEN', flow: '', from: 'May', to: '2026-02-31', q: ' ', other: 'x' }
    expect(readExecutionsSearch(search)).toEqual({})
  })

  it('keep statuses in one order, whatever order they are written in', () => {
    expect(readStatuses('CANCELLED,QUEUED,CANCELLED')).toEqual(['QUEUED', 'CANCELLED'])
    expect(readStatuses(undefined)).toEqual([])
  })

  it('ask the server for whole local days, the last one with', () => {
    expect(toQuery({ from: '2026-05-01', to: '2026-05-01', q: 'af' })).toEqual({
      started_after: beginningOf('2026-05-01'),
      started_before: endOf('2026-05-01'),
      q: 'af',
    })
    expect(toQuery({})).toEqual({})
  })
})
