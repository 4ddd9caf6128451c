/** Where each placement is drawn: where its author put it, or by dagre from left to right. */
import dagre from '@dagrejs/dagre'
import type { Artifact } from '../../api/types'

export const CARD_WIDTH = 244
export const CARD_HEIGHT = 94
const LOOP_GAP = 36

export type Places = ReadonlyMap<string, { x: number; y: number }>

const known = new Map<string, Places>()
const KNOWN_MOST = 20

/** Made once for an artifact: it never changes, whatever its executions do. */
export function layout(artifact: Artifact): Places {
  const found = known.get(artifact.graph_id)
  if (found) return found
  const made = authored(artifact) ?? arranged(artifact)
  if (known.size >= KNOWN_MOST) known.clear()
  known.set(artifact.graph_id, made)
  return made
}

/** The author's own places, if every placement has one and no two cards would overlap. */
function authored(artifact: Artifact): Places | null {
  const places = new Map<string, { x: number; y: number }>()
  for (const { alias, position } of artifact.nodes) {
    if (position === null) return null
    places.set(alias, position)
  }
  return overlaps([...places.values()]) ? null : places
}

function overlaps(all: readonly { x: number; y: number }[]): boolean {
  const sorted = [...all].sort((a, b) => a.x - b.x)
  return sorted.some((one, index) => {
    for (const other of sorted.slice(index + 1)) {
      if (other.x - one.x >= CARD_WIDTH) return false
      if (Math.abs(other.y - one.y) < CARD_HEIGHT) return true
    }
    return false
  })
}

function arranged(artifact: Artifact): Places {
  const graph = new dagre.graphlib.Graph()
  graph.setGraph({ rankdir: 'LR', nodesep: 40, ranksep: 105, marginx: 8, marginy: 8 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { alias } of artifact.nodes)
    graph.setNode(alias, { width: CARD_WIDTH, height: CARD_HEIGHT })
  // Loops lead back: they are drawn below, and say nothing about the order.
  for (const edge of artifact.edges) if (!edge.loop) graph.setEdge(edge.from, edge.to)
  dagre.layout(graph)
  return new Map(
    artifact.nodes.map(({ alias }) => {
      const { x, y } = graph.node(alias) as { x: number; y: number }
      return [alias, { x: x - CARD_WIDTH / 2, y: y - CARD_HEIGHT / 2 }]
    }),
  )
}

/** Clear of every card between the two ends: how low a line from one back to the other has to go. */
export function beneath(places: Places, from: string, to: string): number {
  const ends = [places.get(from)?.x ?? 0, places.get(to)?.x ?? 0]
  const [left, right] = [Math.min(...ends), Math.max(...ends)]
  const between = [...places.values()].filter(({ x }) => x >= left && x <= right)
  return Math.max(...between.map(({ y }) => y + CARD_HEIGHT), 0) + LOOP_GAP
}
