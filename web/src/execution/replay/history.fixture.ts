/** Artifacts and histories for tests, written as short as they can be read. */
import type { Artifact, ArtifactEdge, ArtifactNode, Event, Json, Mode } from '../../api/types'

const ORIGIN = Date.parse('2026-11-24T12:00:00.000Z')

const NODE: ArtifactNode = {
  alias: '',
  package: 'acme/shop@1.0.0',
  node: 'Node',
  digest: null,
  type: 'unary',
  input: 'acme.Order',
  output: 'acme.Order',
  runner: 'process',
  timeout_seconds: 300,
  subflow: null,
  gate: false,
  join: null,
  compose: null,
  fan_out: null,
  hitl: null,
  compensate: null,
  position: null,
}

/** Edges as 'a>b', loops as 'b^a', edges for failures as 'a!b'. */
export function artifact(ways: string, gates: string[] = [], mode: Mode = 'unary'): Artifact {
  const edges = ways.split(' ').map((way): ArtifactEdge => {
    const [from = '', to = ''] = way.split(/[>^!]/)
    const base = { condition: null, adapter: null, max_iterations: null }
    return { from, to, ...base, loop: way.includes('^'), on_error: way.includes('!') }
  })
  const aliases = [...new Set(edges.flatMap(({ from, to }) => [from, to]))]
  const nodes = aliases.map((alias) => ({ ...NODE, alias, gate: gates.includes(alias) }))
  return {
    graph_id: ways,
    flow: 'acme/test',
    mode,
    created_at: '2026-11-24T11:00:00.000Z',
    description: '',
    placements: nodes.length,
    content_hash: '',
    entry: aliases[0] ?? '',
    terminal: aliases.at(-1) ?? '',
    input_schema: {},
    output_schema: {},
    nodes,
    edges,
  }
}

type Line = [at: number, kind: string, about?: string, detail?: { [name: string]: Json }]

/** Lines of time, kind, position with an attempt (`a:2`) or an edge (`a>b`), and detail. */
export function history(...lines: Line[]): Event[] {
  return lines.map(([at, kind, about, detail = {}], seq) => {
    const [first = '', second] = (about ?? '').split(/[>:]/)
    const isEdge = about?.includes('>') ?? false
    const source = first.replace(/[#[].*$/, '')
    const position = first === '' ? null : first
    return {
      seq,
      at: new Date(ORIGIN + at).toISOString(),
      kind,
      placement: position === null ? null : source,
      position,
      attempt: isEdge || second === undefined ? null : Number(second),
      detail: isEdge ? { from: source, to: second ?? '', ...detail } : detail,
    }
  })
}
