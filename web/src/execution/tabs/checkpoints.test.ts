import { describe, expect, it } from 'vitest'
import type { Artifact, Event } from '../../api/types'
import { checkpointRows } from './checkpoints'

const artifact = {
  nodes: [
    { alias: 'make', output: 'shop.Order' },
    { alias: 'price', output: 'shop.Quote' },
  ],
} as unknown as Artifact

let seq = 0
const event = (
  kind: string,
  placement: string,
  at: string,
  detail: Event['detail'] = {},
): Event => ({
  seq: seq++,
  at: `2026-11-24T12:00:0${at}Z`,
  kind,
  placement,
  position: placement,
  attempt: 1,
  detail,
})

describe('checkpoints', () => {
  const rows = checkpointRows(artifact, [
    event('node_started', 'make', '0.000'),
    event('node_started', 'make', '0.500'),
    event('node_completed', 'make', '1.200', { output_bytes: 70_000 }),
    event('edge_taken', 'make', '1.200', { from: 'make', to: 'price' }),
    event('node_child_started', 'price', '2.000', { execution_id: 'c1' }),
    event('node_completed', 'price', '2.084', { output_bytes: 12 }),
  ])

  it('tells each completed visit once, from its first start', () => {
    expect(rows.map((row) => [row.position, row.message, row.durationMs])).toEqual([
      ['make', 'shop.Order', 1200],
      ['price', 'shop.Quote', 84],
    ])
  })

  it('knows who did it, and that a small output came from a large input', () => {
    expect(rows[1]).toMatchObject({ child: 'c1', outputBytes: 12, isLarge: true })
  })
})
