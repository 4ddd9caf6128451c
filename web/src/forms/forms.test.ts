import { describe, expect, it } from 'vitest'
import type { Json } from '../api/types'
import { ORDER } from './fixtures'
import { shown, typed } from './numbers'
import { below, read, write } from './paths'
import { fieldPaths, hasBelow, place } from './problems'
import { blank, chosen, example, kindOf, resolve, rowsOf } from './schema'

const property = (name: string) => ORDER.properties?.[name] ?? {}

describe('paths', () => {
  const value: Json = { lines: [{ sku: 'a' }, { sku: 'b' }], labels: { 'x.y': 'z' } }

  it('reads members, items and nothing', () => {
    expect(read(value, ['lines', 1, 'sku'])).toBe('b')
    expect(read(value, ['labels', 'x.y'])).toBe('z')
    expect(read(value, ['lines', 7, 'sku'])).toBeUndefined()
    expect(read(value, ['constructor'])).toBeUndefined()
  })

  it('writes without touching the original, and makes what is missing on the way', () => {
    const next = write(value, ['lines', 1, 'qty'], 3)
    expect(read(next, ['lines', 1])).toEqual({ sku: 'b', qty: 3 })
    expect(read(value, ['lines', 1])).toEqual({ sku: 'b' })
    expect(write(undefined, ['card', 'sku'], 'k')).toEqual({ card: { sku: 'k' } })
  })

  it('appends an item behind the last one', () => {
    expect(read(write(value, ['lines', 2], {}), ['lines'])).toEqual([
      { sku: 'a' },
      { sku: 'b' },
      {},
    ])
  })

  it('takes members and items away', () => {
    expect(write(value, ['labels'], undefined)).toEqual({ lines: [{ sku: 'a' }, { sku: 'b' }] })
    expect(read(write(value, ['lines', 0], undefined), ['lines'])).toEqual([{ sku: 'b' }])
  })

  it('says paths as the server does', () => {
    expect(below(below('value', 'lines'), 2)).toBe('value.lines[2]')
    expect(below('value', 'k'.repeat(81))).toBe(`value.${'k'.repeat(80)}…`)
  })
})

describe('schemas', () => {
  it('knows the field of every kind of value', () => {
    const kinds = Object.keys(ORDER.properties ?? {}).map((name) =>
      kindOf(resolve(property(name), ORDER)),
    )
    expect(kinds).toEqual([
      'text',
      'long',
      'integer',
      'number',
      'boolean',
      'choice',
      'bytes',
      'moment',
      'duration',
      'list',
      'map',
      'message',
      'text',
      'free',
      'message',
    ])
    expect(kindOf({})).toBe('free')
    expect(kindOf({ type: 'null' })).toBe('null')
  })

  it('begins a new value with the default of its kind', () => {
    expect(blank(property('amount'), ORDER)).toBe('0')
    expect(blank(property('priority'), ORDER)).toBe('NORMAL')
    expect(blank(property('lines'), ORDER)).toEqual([])
    expect(blank(property('card'), ORDER)).toEqual({})
  })

  it('makes an example of a message that holds itself, with one member of a oneof', () => {
    const made = example(ORDER, ORDER)
    expect(read(made, ['lines', 0])).toEqual({ sku: '', qty: 0 })
    expect(read(made, ['card'])).toEqual({ sku: '', qty: 0 })
    expect(read(made, ['invoice'])).toBeUndefined()
    expect(read(made, ['parent', 'parent', 'parent', 'parent'])).toEqual({})
  })

  it('shows a oneof in the place of its first member', () => {
    const names = rowsOf(ORDER).map((row) => row.name)
    expect(names.slice(-4)).toEqual(['labels', 'pay', 'extra', 'parent'])
    expect(chosen({ invoice: '' }, ['card', 'invoice'])).toBe('invoice')
    expect(chosen({ invoice: null }, ['card', 'invoice'])).toBeNull()
  })
})

describe('problems', () => {
  const value: Json = { lines: [{ sku: 'a' }], labels: { 'x.y': 'z' } }
  const paths = fieldPaths(ORDER, value, 'value')

  it('shows a problem at the field that it names, also of an unset message', () => {
    const placed = place(
      [
        { path: 'value.lines[0].qty', message: 'must be a whole number' },
        { path: 'value.card.qty', message: 'must be from 0 to 1' },
        { path: 'value.labels.x.y', message: 'must be a text' },
      ],
      paths,
      'value',
    )
    expect(placed.get('value.lines[0].qty')).toEqual(['must be a whole number'])
    expect(placed.get('value.card.qty')).toEqual(['must be from 0 to 1'])
    expect(placed.get('value.labels.x.y')).toEqual(['must be a text'])
    expect(hasBelow(placed, 'value.lines')).toBe(true)
    expect(hasBelow(placed, 'value.line')).toBe(false)
  })

  it('shows what names no field at the innermost one around it, or at the top', () => {
    const placed = place(
      [
        { path: 'value.lines[0].color', message: 'unknown field' },
        { path: 'comment', message: 'is too long' },
      ],
      paths,
      'value',
    )
    expect(placed.get('value.lines[0]')).toEqual(['color: unknown field'])
    expect(placed.get('value')).toEqual(['comment: is too long'])
  })
})

describe('numbers', () => {
  it('keeps what a number cannot hold as text, for the server to read or refuse', () => {
    expect(typed('12')).toBe(12)
    expect(typed(' -1.5e3 ')).toBe(-1500)
    expect(typed('9007199254740993')).toBe('9007199254740993')
    expect(typed('twelve')).toBe('twelve')
    expect(typed('')).toBeUndefined()
    expect(shown(0)).toBe('0')
    expect(shown(undefined)).toBe('')
  })
})
