import { describe, expect, it } from 'vitest'
import type { Schedule } from '../api/consoleTypes'
import { Refused } from '../api/errors'
import { besides, faultAt } from './faults'
import { bodyOfSchedule, formOf } from './scheduleForm'

const KEPT: Schedule = {
  schedule_id: '01ID',
  name: 'nightly',
  graph_id: '01GRAPH',
  flow: 'acme/report',
  input: { day: 'yesterday' },
  cron: null,
  every_seconds: 90,
  time_zone: 'UTC',
  catch_up: 'one',
  overlap: 'skip',
  paused: true,
  config_id: '01CONFIG',
  priority: 0,
  starts_at: '2026-10-25T00:30:00.000Z',
  ends_at: '2026-12-24T18:00:00.250Z',
  created_at: '2026-05-28T18:26:40.123Z',
  updated_at: '2026-05-28T18:26:40.123Z',
  next_at: null,
  upcoming: [],
  last_at: null,
  last_execution_id: null,
  last_skipped_at: null,
  last_error: null,
}

describe('the body of a schedule', () => {
  it('of which nothing was touched says what the schedule says', () => {
    const body = bodyOfSchedule(formOf(KEPT), KEPT)
    expect(body).not.toHaveProperty('paused')
    expect(KEPT).toMatchObject(body ?? {})
  })

  it('takes bounds and config away with null', () => {
    const form = { ...formOf(KEPT), startsAt: '', endsAt: '', configId: null }
    const body = bodyOfSchedule(form, KEPT)
    expect(body).toMatchObject({ starts_at: null, ends_at: null, config_id: null })
  })

  it('of a new one is there once it has a name, an artifact and times', () => {
    const whole = { ...formOf(null), name: ' n ', graphId: '01GRAPH', cron: '@daily' }
    const made = bodyOfSchedule({ ...whole, isPaused: true }, null)
    expect(made).toMatchObject({ name: 'n', cron: '@daily', priority: 5, paused: true })
    for (const missing of [{ name: ' ' }, { graphId: null }, { cron: '' }])
      expect(bodyOfSchedule({ ...whole, ...missing }, null)).toBeNull()
  })
})

describe('what the server found fault with', () => {
  const failure = new Refused(422, 'INVALID', 'Not valid.', [
    { path: 'cron', message: 'has four fields' },
    { path: 'input.day', message: 'is no text.' },
    { path: 'other', message: 'unknown' },
  ])

  it('is at its field, as a sentence', () => {
    expect(faultAt(failure, 'cron')).toBe('Has four fields.')
    expect(faultAt(failure, 'input')).toBe('day is no text.')
    expect(faultAt(failure, 'name')).toBeUndefined()
    expect(faultAt(new Error('gone'), 'cron')).toBeUndefined()
  })

  it('is told above all fields where it has none', () => {
    const rest = besides(failure, ['cron', 'input'])
    expect(rest).toMatchObject({ message: 'Not valid.', problems: [{ path: 'other' }] })
  })
})
