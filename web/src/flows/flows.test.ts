import { describe, expect, it } from 'vitest'
import type { ArtifactSummary } from '../api/types'
import { curlText } from './curl'
import { groups, isFound } from './groups'

const artifact = (graph_id: string, flow: string, created_at: string): ArtifactSummary => ({
  graph_id,
  flow,
  created_at,
  mode: 'unary',
  description: 'Greets a person',
  placements: 1,
  content_hash: '',
})

describe('flows', () => {
  const found = groups([
    artifact('01A', 'acme/old', '2026-01-01'),
    artifact('01B', 'acme/new', '2026-01-02'),
    artifact('01C', 'acme/old', '2026-01-03'),
  ])

  it('groups artifacts by flow, newest first', () => {
    expect(found.map((group) => [group.flow, group.newest.graph_id])).toEqual([
      ['acme/old', '01C'],
      ['acme/new', '01B'],
    ])
    expect(found[0]?.older.map((older) => older.graph_id)).toEqual(['01A'])
  })

  it('finds a flow by its name, its description, and the ID of an older artifact', () => {
    const [old, fresh] = found
    if (!old || !fresh) throw new Error('there are two')
    expect([isFound(old, '01a'), isFound(fresh, '01a')]).toEqual([true, false])
    expect(isFound(fresh, ' PERSON ')).toBe(true)
    expect(isFound(fresh, 'ACME/N')).toBe(true)
  })
})

describe('curl', () => {
  it('waits for the result of a unary flow, and quotes for a shell', () => {
    const text = curlText('http://box', { mode: 'unary', graph_id: '01A' }, { name: "O'Hara" })
    expect(text).toContain("curl -X POST 'http://box/invocations/v1/flows/invoke'")
    expect(text).toContain('"wait": true')
    expect(text).toContain(`O'\\''Hara`)
  })

  it('reads a stream as it comes', () => {
    const text = curlText('http://box', { mode: 'pipeline', graph_id: '01A' }, {})
    expect(text).toContain("curl -N -X POST 'http://box/invocations/v1/flows/invoke/stream'")
    expect(text).not.toContain('wait')
  })
})
