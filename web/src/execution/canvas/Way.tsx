import {
  BaseEdge,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  getBezierPath,
  useStore,
} from '@xyflow/react'
import { Repeat2, ShieldAlert, Split } from 'lucide-react'
import { memo } from 'react'
import type { ArtifactEdge } from '../../api/types'
import type { EdgeState } from '../replay/types'
import { isNear } from './Card'
import classes from './canvas.module.css'

export type WayEdge = Edge<
  {
    edge: ArtifactEdge
    state: EdgeState | null
    type: string
    /** How low a loop goes. */
    low: number
  },
  'way'
>

/** One edge: the message that goes over it, and whether it did. */
export const Way = memo(function Way(props: EdgeProps<WayEdge>) {
  const { data } = props
  const near = useStore(isNear)
  if (!data) return null
  const { edge, state, type, low } = data
  const [path, x, y] = edge.loop ? backward(props, low) : getBezierPath(props)
  const status = state?.status ?? 'plain'
  const kind = edge.loop ? 'loop' : edge.on_error ? 'error' : undefined
  return (
    <>
      <BaseEdge
        path={path}
        className={classes.way ?? ''}
        data-status={status}
        data-kind={kind}
        interactionWidth={0}
      />
      {near && (
        <EdgeLabelRenderer>
          <div
            className={classes.wayLabel}
            data-status={status}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            title={edge.condition ?? undefined}
          >
            <Kind edge={edge} />
            {edge.on_error ? 'NodeError' : type}
            {state !== null && state.times > 1 && <span> ×{state.times}</span>}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
})

function Kind({ edge }: { edge: ArtifactEdge }) {
  if (edge.loop) return <Repeat2 size={11} aria-label="Loop" />
  if (edge.on_error) return <ShieldAlert size={11} aria-label="On failure" />
  return edge.condition === null ? null : <Split size={11} aria-label="Conditional" />
}

/** A loop goes below the cards that it leads back over. */
function backward(props: EdgeProps<WayEdge>, low: number): [string, number, number] {
  const { sourceX: x1, sourceY: y1, targetX: x2, targetY: y2 } = props
  const path =
    `M ${x1} ${y1} C ${x1 + 62} ${y1}, ${x1 + 62} ${low}, ${x1 - 20} ${low} ` +
    `L ${x2 + 20} ${low} C ${x2 - 62} ${low}, ${x2 - 62} ${y2}, ${x2} ${y2}`
  return [path, (x1 + x2) / 2, low]
}
