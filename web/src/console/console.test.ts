import { describe, expect, it } from 'vitest'
import { bodyOf } from './configBody'
import { readHeaders } from './headers'
import { timingOf, timingText } from './timing'

describe('the headers of a webhook', () => {
  it('are read from lines', () => {
    expect(readHeaders('X-Team: orders\n\n Authorization : Bearer a:b ')).toEqual({
      'X-Team': 'orders',
      Authorization: 'Bearer a:b',
    })
    expect(readHeaders('')).toEqual({})
  })

  it.each(['X-Team', ': orders', 'X-Team:', 'X Team: a'])('are none in %s', (text) => {
    expect(readHeaders(text)).toBeNull()
  })
})

describe('the body of a flow config', () => {
  const fields = { flow: '', profile: ' production ', seconds: '', secrets: [] }

  it('leaves out what is empty', () => {
    expect(bodyOf(fields)).toEqual({
      flow: null,
      profile: 'production',
      node_timeout_seconds: null,
      secrets: {},
    })
  })

  it('keeps the secrets that are there and sets those that have a value', () => {
    const secrets = [
      { name: 'OLD', value: '', isKept: true },
      { name: 'TOKEN', value: 'abcd', isKept: false },
    ]
    expect(bodyOf({ ...fields, seconds: 20, secrets })?.secrets).toEqual({
      OLD: null,
      TOKEN: 'abcd',
    })
  })

  it.each([
    [{ profile: ' ' }],
    [{ secrets: [{ name: '', value: 'x', isKept: false }] }],
    [{ secrets: [{ name: 'A', value: '', isKept: false }] }],
    [{ secrets: [1, 2].map(() => ({ name: 'A', value: 'x', isKept: false })) }],
  ])('is not whole with %o', (missing) => {
    expect(bodyOf({ ...fields, ...missing })).toBeNull()
  })
})

describe('when a schedule runs', () => {
  it('is told in words', () => {
    expect(timingText({ cron: '0 6 * * 1', every_seconds: null, time_zone: 'Europe/Berlin' })).toBe(
      '0 6 * * 1 (Europe/Berlin)',
    )
    expect(timingText({ cron: null, every_seconds: 90, time_zone: null })).toBe('every 1 min 30 s')
  })

  it('is a cron expression or a number of seconds', () => {
    expect(timingOf('cron', ' 0 6 * * 1 ', 60, 'UTC')).toEqual({
      cron: '0 6 * * 1',
      time_zone: 'UTC',
    })
    expect(timingOf('every', '', 60, 'UTC')).toEqual({ every_seconds: 60 })
    expect(timingOf('cron', ' ', 60, 'UTC')).toBeNull()
    expect(timingOf('every', '', '', 'UTC')).toBeNull()
  })
})
