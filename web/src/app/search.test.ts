import { describe, expect, it } from 'vitest'
import { parseSearch, readNumber, safeNext, writeSearch } from './search'

describe('an address', () => {
  it('says what it has been given, and nothing that is empty', () => {
    const text = writeSearch({ q: 'a b&c', status: 'FAILED', flow: '', from: undefined, t: 0 })
    expect(text).toBe('?q=a+b%26c&status=FAILED&t=0')
    expect(parseSearch(text)).toEqual({ q: 'a b&c', status: 'FAILED', t: '0' })
  })

  it('keeps text that looks like a number as text', () => {
    expect(parseSearch('?q=0012')).toEqual({ q: '0012' })
  })

  it('is empty without a search', () => {
    expect(writeSearch({})).toBe('')
    expect(parseSearch('')).toEqual({})
  })

  it.each([
    ['1200', 1200],
    [7.5, 7.5],
    ['-1', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    ['Infinity', undefined],
  ])('reads %s as the number %s', (text, number) => {
    expect(readNumber(text)).toBe(number)
  })
})

describe('where to go after signing in', () => {
  it.each(['/executions?status=FAILED', '/flows', '/'])('may be %s', (next) => {
    expect(safeNext(next)).toBe(next)
  })

  it.each(['https://elsewhere', '//elsewhere', '/\\elsewhere', 'javascript:0', '', undefined])(
    'is never %s',
    (next) => {
      expect(safeNext(next)).toBe('/executions')
    },
  )
})
