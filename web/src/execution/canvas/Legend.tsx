import { Panel } from '@xyflow/react'
import type { NodeState, NodeStatus } from '../replay/types'
import classes from './canvas.module.css'
import { LOOKS, lineOf } from './look'

/** What the colours mean that are on the canvas now. */
export function Legend({ states }: { states: Map<string, NodeState> }) {
  const there = new Map<NodeStatus, number>()
  for (const { status } of states.values()) there.set(status, (there.get(status) ?? 0) + 1)
  const shown = (Object.keys(LOOKS) as NodeStatus[]).filter((status) => there.has(status))
  return (
    <Panel position="top-right" className={classes.legend ?? ''}>
      <ul aria-label="Legend">
        {shown.map((status) => (
          <li key={status}>
            <span className={classes.swatch} style={{ background: lineOf(status) }} />
            {LOOKS[status].words}
            <span className={classes.legendCount}>{there.get(status)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
