import '@xyflow/react/dist/base.css'

import { useMantineColorScheme } from '@mantine/core'
import {
  Background,
  BackgroundVariant,
  Controls,
  MiniMap,
  type NodeChange,
  ReactFlow,
} from '@xyflow/react'
import { memo, useCallback, useMemo, useRef } from 'react'
import type { Artifact } from '../../api/types'
import { type EdgeState, edgeKey, type NodeState } from '../replay/types'
import { Card, type CardNode } from './Card'
import classes from './canvas.module.css'
import { Legend } from './Legend'
import { beneath, CARD_HEIGHT, CARD_WIDTH, layout } from './layout'
import { lineOf, shortType } from './look'
import { Reveal } from './Reveal'
import { Way, type WayEdge } from './Way'

const NODE_TYPES = { card: Card }
const EDGE_TYPES = { way: Way }
/** Below so many cards the whole flow is on the screen, and the map would only cover some. */
const MAP_LEAST = 12

const MAP_SIZE = { width: 160, height: 104 }
const FIT = { padding: 0.12, maxZoom: 1 }
const BESIDE_THE_MAP = {
  padding: { top: '44px', left: '36px', bottom: '30px', right: '196px' },
  maxZoom: 1,
} as const

interface Props {
  artifact: Artifact
  states: Map<string, NodeState>
  edgeStates: Map<string, EdgeState>
  selected: string | null
  onSelect: (alias: string | null) => void
}

/** A flow's topology, read-only, in the colours of what happened to it. */
export const Canvas = memo(function Canvas(props: Props) {
  const { artifact, states, edgeStates, selected, onSelect } = props
  const nodes = useNodes(artifact, states, selected)
  const edges = useEdges(artifact, edgeStates)
  const hasMap = artifact.nodes.length >= MAP_LEAST
  const { colorScheme } = useMantineColorScheme()
  const choose = useCallback(
    (changes: NodeChange<CardNode>[]) => {
      for (const change of changes)
        if (change.type === 'select' && change.selected) onSelect(change.id)
    },
    [onSelect],
  )
  return (
    <section className={classes.canvas} aria-label={`Topology of ${artifact.flow}`}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={choose}
        onPaneClick={() => onSelect(null)}
        colorMode={colorScheme === 'auto' ? 'system' : colorScheme}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        onlyRenderVisibleElements
        fitView
        fitViewOptions={hasMap ? BESIDE_THE_MAP : FIT}
        minZoom={0.05}
        maxZoom={2}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1.4} />
        <Controls showInteractive={false} />
        <Reveal alias={selected} />
        {states.size > 0 && <Legend states={states} />}
        {hasMap && (
          <MiniMap<CardNode>
            style={MAP_SIZE}
            pannable
            zoomable
            nodeColor={({ data }) => (data.state ? lineOf(data.state.status) : 'var(--ax-queued)')}
            aria-label="Map of the flow"
          />
        )}
      </ReactFlow>
    </section>
  )
})

/** Cards of which nothing has changed stay the same objects, so that they are not drawn again. */
function useNodes(artifact: Artifact, states: Map<string, NodeState>, selected: string | null) {
  const before = useRef(new Map<string, CardNode>())
  const arms = useMemo(() => armsOf(artifact), [artifact])
  return useMemo(() => {
    const places = layout(artifact)
    const made = new Map<string, CardNode>()
    for (const node of artifact.nodes) {
      const state = states.get(node.alias) ?? null
      const old = before.current.get(node.alias)
      const isSelected = node.alias === selected
      const same = old?.data.node === node && old.data.state === state
      if (old && same && old.selected === isSelected) made.set(node.alias, old)
      else
        made.set(node.alias, {
          id: node.alias,
          type: 'card',
          position: places.get(node.alias) ?? { x: 0, y: 0 },
          width: CARD_WIDTH,
          height: CARD_HEIGHT,
          selected: isSelected,
          ariaLabel: `Placement ${node.alias}`,
          data: { node, state, arms: arms.get(node.alias) ?? 0 },
        })
    }
    before.current = made
    return [...made.values()]
  }, [artifact, states, selected, arms])
}

function armsOf(artifact: Artifact): Map<string, number> {
  const arms = new Map<string, number>()
  for (const edge of artifact.edges) if (!edge.loop) arms.set(edge.to, (arms.get(edge.to) ?? 0) + 1)
  return arms
}

function useEdges(artifact: Artifact, states: Map<string, EdgeState>) {
  const before = useRef(new Map<string, WayEdge>())
  return useMemo(() => {
    const outputs = new Map(artifact.nodes.map((node) => [node.alias, shortType(node.output)]))
    const made = new Map<string, WayEdge>()
    for (const edge of artifact.edges) {
      const id = edgeKey(edge.from, edge.to)
      const state = states.get(id) ?? null
      const old = before.current.get(id)
      const same = old?.data?.edge === edge && isSame(old.data.state, state)
      if (old && same) made.set(id, old)
      else
        made.set(id, {
          id,
          type: 'way',
          source: edge.from,
          target: edge.to,
          focusable: false,
          selectable: false,
          data: {
            edge,
            state,
            type: outputs.get(edge.from) ?? '',
            low: edge.loop ? beneath(layout(artifact), edge.from, edge.to) : 0,
          },
        })
    }
    before.current = made
    return [...made.values()]
  }, [artifact, states])
}

function isSame(a: EdgeState | null, b: EdgeState | null): boolean {
  return a === b || (a?.status === b?.status && a?.times === b?.times)
}
