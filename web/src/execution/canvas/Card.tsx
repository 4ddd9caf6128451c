import {
  Handle,
  type Node,
  type NodeProps,
  Position,
  type ReactFlowState,
  useStore,
} from '@xyflow/react'
import { Boxes, GitMerge, Hand, type LucideIcon, Split, Undo2, Waves, Workflow } from 'lucide-react'
import { type CSSProperties, memo } from 'react'
import type { ArtifactNode } from '../../api/types'
import { durationText } from '../../parts/time'
import type { NodeState } from '../replay/types'
import classes from './canvas.module.css'
import { LOOKS, lineOf, shortType } from './look'

export type CardNode = Node<{ node: ArtifactNode; state: NodeState | null; arms: number }, 'card'>

function iconOf(node: ArtifactNode): LucideIcon {
  if (node.gate) return GitMerge
  if (node.subflow !== null) return Workflow
  return node.type === 'pipeline' ? Waves : Boxes
}

/** From afar nobody can read a card: it is its colour and its name. */
export const isNear = ({ transform }: ReactFlowState) => transform[2] > 0.34

/** As much of a name as a card holds in large letters. */
const FAR_CHARS = 11

function shortName(alias: string): string {
  return alias.length > FAR_CHARS ? `${alias.slice(0, FAR_CHARS - 1)}…` : alias
}

/** One placement: what runs there, and how it stands. */
export const Card = memo(function Card({ data, selected }: NodeProps<CardNode>) {
  const { node, state, arms } = data
  const near = useStore(isNear)
  const status = state?.status ?? 'plain'
  const style = { '--line': state ? lineOf(state.status) : 'var(--ax-queued)' } as CSSProperties
  return (
    <div
      className={classes.card}
      style={style}
      data-status={status}
      data-selected={selected || undefined}
      data-far={!near || undefined}
    >
      <Handle type="target" position={Position.Left} aria-hidden />
      {near ? (
        <Words node={node} state={state} arms={arms} />
      ) : (
        <div className={classes.farName}>{shortName(node.alias)}</div>
      )}
      {state?.status === 'running' && state.progress !== null && (
        <span className={classes.progress} style={{ width: `${state.progress * 100}%` }} />
      )}
      <Handle type="source" position={Position.Right} aria-hidden />
    </div>
  )
})

function Words({ node, state, arms }: CardNode['data']) {
  const Icon = iconOf(node)
  return (
    <>
      <div className={classes.head}>
        <Icon size={16} className={classes.kind} aria-hidden />
        <span className={classes.alias} title={node.alias}>
          {node.alias}
        </span>
        {state && <StatusIcon state={state} />}
      </div>
      <div className={classes.ref}>
        <span className={classes.refText} title={reference(node)}>
          {reference(node)}
        </span>
        <Marks node={node} />
      </div>
      <div className={classes.foot}>
        <span className={classes.types}>
          {node.gate && arms > 1 ? `${arms} branches` : shortType(node.input)} →{' '}
          {shortType(node.output)}
        </span>
        {state && <Figures state={state} />}
      </div>
    </>
  )
}

function StatusIcon({ state }: { state: NodeState }) {
  const { icon: Icon, words } = LOOKS[state.status]
  const spins = state.status === 'running' || state.status === 'undoing'
  return (
    <span className={classes.status} role="img" aria-label={words} title={state.message ?? words}>
      <Icon size={16} className={spins ? classes.spins : undefined} />
    </span>
  )
}

function reference(node: ArtifactNode): string {
  if (node.subflow !== null) return `subflow ${node.subflow}`
  return node.package === null ? (node.node ?? '') : `${node.package} ${node.node ?? ''}`
}

/** What is special about a placement, as small marks with words behind them. */
function Marks({ node }: { node: ArtifactNode }) {
  const marks: [LucideIcon, string][] = []
  if (node.fan_out) marks.push([Split, `Visited for each of ${node.fan_out.items}`])
  if (node.hitl) marks.push([Hand, 'A person is asked before it runs'])
  if (node.compensate) marks.push([Undo2, `Undone by ${node.compensate.node}`])
  return (
    <span className={classes.marks}>
      {node.join && <span title={`${node.join.kind} gate`}>{node.join.kind}</span>}
      {marks.map(([Icon, words]) => (
        <span key={words} role="img" aria-label={words} title={words}>
          <Icon size={12} />
        </span>
      ))}
    </span>
  )
}

function Figures({ state }: { state: NodeState }) {
  const { items, attempts, iteration, ms } = state
  return (
    <span className={classes.figures}>
      {iteration > 1 && <span title={`Iteration ${iteration}`}>#{iteration}</span>}
      {items && (
        <span title={`${items.done} of ${items.total} items done, ${items.failed} failed`}>
          {items.done}/{items.total}
        </span>
      )}
      {attempts > 1 && <span title={`${attempts} calls`}>×{attempts}</span>}
      {ms !== null && items === null && <span>{durationText(ms)}</span>}
    </span>
  )
}
