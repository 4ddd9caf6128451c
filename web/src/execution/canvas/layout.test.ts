import { expect, test } from 'vitest'
import { beneath, CARD_HEIGHT } from './layout'

test('a loop goes below every card that lies between its ends, and no lower for others', () => {
  const places = new Map([
    ['first', { x: 0, y: 100 }],
    ['high', { x: 300, y: 0 }],
    ['low', { x: 300, y: 240 }],
    ['last', { x: 600, y: 100 }],
    ['behind', { x: 900, y: 900 }],
  ])
  expect(beneath(places, 'last', 'first')).toBeGreaterThan(240 + CARD_HEIGHT)
  expect(beneath(places, 'last', 'first')).toBeLessThan(900)
  expect(beneath(places, 'first', 'first')).toBeLessThan(240 + CARD_HEIGHT)
})
