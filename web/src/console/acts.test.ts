import { describe, expect, it } from 'vitest'
import type { Act } from '../api/consoleTypes'
import { factsOf, subjectOf, titleOf, whoOf } from './acts'

const act = (word: string, subject: string, detail: Act['detail'] = {}): Act => ({
  at: '2026-05-28T18:26:40.123Z',
  by: 'command line',
  act: word,
  subject,
  detail,
})

describe('who did it', () => {
  it('is a key by its name, or how it was done', () => {
    expect(whoOf('night/shift/0a1b2c3d')).toEqual({ name: 'night/shift', first8: '0a1b2c3d' })
    expect(whoOf('command line')).toEqual({ name: 'Command line', first8: null })
  })
})

describe('an act', () => {
  it('that a newer server has is told in its own word', () => {
    expect(titleOf('moon.landed')).toBe('moon.landed')
    expect(factsOf(act('moon.landed', 'Eagle', { feet: 2 }))).toEqual([{ name: 'feet', text: '2' }])
  })

  it('on what has an ID is told by its name', () => {
    const made = act('schedule.created', '01ID', { name: 'nightly', graph_id: '01GRAPH' })
    expect(subjectOf(made)).toEqual({ name: 'nightly', id: '01ID' })
    expect(factsOf(made)).toEqual([{ name: 'Artifact', text: '01GRAPH' }])
  })

  it('says nothing twice', () => {
    expect(factsOf(act('tenant.created', 'acme', { tenant: 'acme', name: 'acme' }))).toEqual([])
  })

  it('tells what was before', () => {
    const kept = act('tenant.retention_changed', 'acme', { before: null, after: 0 })
    expect(factsOf(kept)).toEqual([{ name: 'Kept', before: 'as the box is set', text: 'for ever' }])
  })

  it('on limits tells those that are its own, or that none is', () => {
    expect(factsOf(act('tenant.limits_changed', 'acme', { executions_max: 0 }))).toEqual([
      { name: 'Executions at a time', text: 'no bound' },
    ])
    expect(factsOf(act('tenant.limits_changed', 'acme', { tenant: 'acme' }))).toEqual([
      { name: 'Limits', text: 'as for everybody' },
    ])
  })
})
