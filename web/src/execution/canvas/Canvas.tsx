import '@xyflow/react/dist/base.css'

import { useMantineColorScheme } from '@mantine/core'
import {
  Background,
  BackgroundVariant,
  Controls,
  MiniMap,
  type NodeChange,
  Position,
  ReactFlow,
} from '@xyflow/react'
import { memo, type RefObject, useCallback, useMemo, useRef } from 'react'
import type { Artifact } from '../../api/types'
import { type EdgeState, edgeKey, type NodeState } from '../replay/types'
import { Card, type CardNode } from './Card'
import classes from './canvas.module.css'
import { Legend } from './Legend'
import { beneath, CARD_HEIGHT, CARD_WIDTH, layout } from './layout'
import { lineOf, shortType } from './look'
import { View } from './View'
import { Way, type WayEdge } from './Way'

const NODE_TYPES = { card: Card }
const EDGE_TYPES = { way: Way }
/** Below so many cards the whole flow is on the screen, and the map would only cover some. */
const MAP_LEAST = 12

/** Set while the canvas is moved, see the style sheet. */
const MOVING = 'data-moving'
const MAP_SIZE = { width: 160, height: 104 }
const FIT = { padding: 0.12, maxZoom: 1 }
const BESIDE_THE_MAP = {
  padding: { top: '44px', left: '36px', bottom: '30px', right: '196px' },
  maxZoom: 1,
} as const

const PORT_PX = 7
const PORT = { y: (CARD_HEIGHT - PORT_PX) / 2, width: PORT_PX, height: PORT_PX }

/** All that React Flow would measure anew of a card whenever anything of it changes. */
const SIZE: Pick<CardNode, 'width' | 'height' | 'measured' | 'handles'> = {
  width: CARD_WIDTH,
  height: CARD_HEIGHT,
  measured: { width: CARD_WIDTH, height: CARD_HEIGHT },
  handles: [
    { ...PORT, type: 'target', position: Position.Left, x: -PORT_PX / 2 },
    { ...PORT, type: 'source', position: Position.Right, x: CARD_WIDTH - PORT_PX / 2 },
  ],
}

function colourOf({ data }: CardNode): string {
  return data.state ? lineOf(data.state.status) : 'var(--ax-queued)'
}

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
  // By hand: to draw anything again for it would cost what it saves.
  const section = useRef<HTMLElement>(null)
  const hasMap = artifact.nodes.length >= MAP_LEAST
  const fit = hasMap ? BESIDE_THE_MAP : FIT
  const moved = useRef(false)
  const take = () => {
    moved.current = true
  }
  const release = () => {
    moved.current = false
  }
  const { colorScheme } = useMantineColorScheme()
  const choose = useCallback(
    (changes: NodeChange<CardNode>[]) => {
      for (const change of changes)
        if (change.type === 'select' && change.selected) onSelect(change.id)
    },
    [onSelect],
  )
  return (
    <section ref={section} className={classes.canvas} aria-label={`Topology of ${artifact.flow}`}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={choose}
        onPaneClick={() => onSelect(null)}
        onMoveStart={() => section.current?.setAttribute(MOVING, '')}
        onMoveEnd={() => section.current?.removeAttribute(MOVING)}
        colorMode={colorScheme === 'auto' ? 'system' : colorScheme}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        onlyRenderVisibleElements
        fitView
        fitViewOptions={fit}
        onMove={(event) => event && take()}
        minZoom={0.05}
        maxZoom={2}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1.4} />
        <Controls
          showInteractive={false}
          fitViewOptions={fit}
          onZoomIn={take}
          onZoomOut={take}
          onFitView={release}
        />
        <View alias={selected} fit={fit} moved={moved} />
        {states.size > 0 && <Legend states={states} />}
        {hasMap && (
          <MiniMap<CardNode>
            style={MAP_SIZE}
            pannable
            zoomable
            nodeColor={colourOf}
            onPointerDown={take}
            onWheel={take}
            aria-label="Map of the flow"
          />
        )}
      </ReactFlow>
    </section>
  )
})

/** Cards of which nothing has changed stay the same objects, so that they are not drawn again. */
function useNodes(artifact: Artifact, states: Map<string, NodeState>, selected: string | null) {
  const before = useRef<CardNode[]>([])
  const arms = useMemo(() => armsOf(artifact), [artifact])
  return useMemo(() => {
    const places = layout(artifact)
    const made = artifact.nodes.map((node, index): CardNode => {
      const state = states.get(node.alias) ?? null
      const old = before.current[index]
      const isSelected = node.alias === selected
      const same = old?.data.node === node && old.data.state === state
      if (old && same && old.selected === isSelected) return old
      return {
        id: node.alias,
        type: 'card',
        position: places.get(node.alias) ?? { x: 0, y: 0 },
        ...SIZE,
        selected: isSelected,
        ariaLabel: `Placement ${node.alias}`,
        data: { node, state, arms: arms.get(node.alias) ?? 0 },
      }
    })
    return keep(before, made)
  }, [artifact, states, selected, arms])
}

function armsOf(artifact: Artifact): Map<string, number> {
  const arms = new Map<string, number>()
  for (const edge of artifact.edges) if (!edge.loop) arms.set(edge.to, (arms.get(edge.to) ?? 0) + 1)
  return arms
}

function useEdges(artifact: Artifact, states: Map<string, EdgeState>) {
  const before = useRef<WayEdge[]>([])
  const outputs = useMemo(
    () => new Map(artifact.nodes.map((node) => [node.alias, shortType(node.output)])),
    [artifact],
  )
  return useMemo(() => {
    const made = artifact.edges.map((edge, index): WayEdge => {
      const id = edgeKey(edge.from, edge.to)
      const state = states.get(id) ?? null
      const old = before.current[index]
      if (old?.data?.edge === edge && isSame(old.data.state, state)) return old
      return {
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
      }
    })
    return keep(before, made)
  }, [artifact, states, outputs])
}

/** The very list of before if nothing in it has changed: React Flow looks at every one of another. */
function keep<T>(before: RefObject<T[]>, made: T[]): T[] {
  const old = before.current
  const unchanged = made.length === old.length && made.every((one, at) => one === old[at])
  if (!unchanged) before.current = made
  return before.current
}

function isSame(a: EdgeState | null, b: EdgeState | null): boolean {
  return a === b || (a?.status === b?.status && a?.times === b?.times)
}
