import type { Compensation, Status, UndoneStatus } from '../../api/types'
import { ended } from '../../app/statuses'
import { Moment } from '../../parts/Moment'
import { Chip, type Tone } from './Chip'
import { NodeLink } from './NodeLink'
import { Panel } from './Panel'
import classes from './tabs.module.css'

const STEP: Record<UndoneStatus, { tone: Tone; label: string }> = {
  DONE: { tone: 'completed', label: 'Undone' },
  FAILED: { tone: 'failed', label: 'Not undone' },
  PENDING: { tone: 'compensating', label: 'Still to come' },
  NOT_DONE: { tone: 'cancelled', label: 'Never tried' },
}

interface CompensationProps {
  compensation: Compensation
  status: Status
  onShowNode: (alias: string) => void
}

/** What was and was not undone, in the order in which it is done. */
export function CompensationReport({ compensation, status, onShowNode }: CompensationProps) {
  const { steps, reason } = compensation
  const done = steps.filter((step) => step.status === 'DONE').length
  const said = ended(status) ? 'was undone' : 'is undone so far'
  return (
    <Panel
      title="Compensation"
      aside={
        <span className="ax-dim">
          {done} of {steps.length} {said}
        </span>
      }
    >
      {reason !== null && <p className={classes.note}>Because of: {reason}</p>}
      <table className={classes.table}>
        <thead>
          <tr>
            <th>Visit</th>
            <th>Undone by</th>
            <th>Status</th>
            <th>Attempts</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step.position}>
              <td>
                <NodeLink position={step.position} alias={step.placement} onShowNode={onShowNode} />
              </td>
              <td className="ax-mono">{step.node}</td>
              <td>
                <Chip tone={STEP[step.status].tone}>{STEP[step.status].label}</Chip>
                {step.message !== null && <p className={classes.stepMessage}>{step.message}</p>}
              </td>
              <td>{step.attempts}</td>
              <td>
                <Moment at={step.at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  )
}
