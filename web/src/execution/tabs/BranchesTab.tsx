import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api/client'
import type { Arm, ArmStatus, Branch, GateStatus } from '../../api/types'
import { Blank } from '../../parts/Blank'
import { Loading } from '../../parts/Loading'
import { Moment } from '../../parts/Moment'
import { Trouble } from '../../parts/Trouble'
import { parsePosition } from '../replay/position'
import { rounds } from './branches'
import { Chip, type Tone } from './Chip'
import { NodeLink } from './NodeLink'
import type { TabProps } from './props'
import classes from './tabs.module.css'

const ARMS_SHOWN = 50

const ARM: Record<ArmStatus, { tone: Tone; label: string }> = {
  WAITING: { tone: 'waiting-on-gate', label: 'Waiting' },
  ARRIVED: { tone: 'completed', label: 'Arrived' },
  FAILED: { tone: 'failed', label: 'Failed' },
  NOT_TAKEN: { tone: 'cancelled', label: 'Not taken' },
}
const GATE: Record<GateStatus, { tone: Tone; label: string }> = {
  WAITING: { tone: 'waiting-on-gate', label: 'Waiting' },
  OPENED: { tone: 'completed', label: 'Opened' },
  FAILED: { tone: 'failed', label: 'Failed' },
  NOT_TAKEN: { tone: 'cancelled', label: 'Not taken' },
}
const POLICIES: { [policy: string]: string } = {
  FAIL_FAST: 'fails with its first arm',
  TOLERATE_FAILURES: 'tolerates failures',
}

/** What has come to each gate, each time that it was filled. */
export function BranchesTab({ execution, onShowNode }: TabProps) {
  const id = execution.execution_id
  const query = useQuery({ queryKey: ['branches', id], queryFn: () => api.branches(id) })
  if (query.data === undefined) {
    if (query.error) return <Trouble failure={query.error} onRetry={() => void query.refetch()} />
    return <Loading />
  }
  if (query.data.length === 0) {
    return (
      <Blank
        title="No gates"
        text="A placement with two or more incoming edges is a gate, and would be here."
      />
    )
  }
  const all = rounds(query.data)
  return (
    <div className={classes.stack}>
      {all.map(({ iteration, branches }) => (
        <section key={iteration} aria-label={`Iteration ${iteration}`}>
          {all.length > 1 && <h2 className={classes.round}>Iteration {iteration}</h2>}
          <div className={classes.gates}>
            {branches.map((branch) => (
              <Gate key={branch.position} branch={branch} onShowNode={onShowNode} />
            ))}
          </div>
        </section>
      ))}
    </div>
  )
}

function Gate({ branch, onShowNode }: { branch: Branch; onShowNode: (alias: string) => void }) {
  const [isWhole, setWhole] = useState(false)
  const { tone, label } = GATE[branch.status]
  const shown = isWhole ? branch.arms : branch.arms.slice(0, ARMS_SHOWN)
  return (
    <article className={classes.panel} aria-label={`Gate ${branch.position}`}>
      <header className={classes.gateHead}>
        <Chip tone={tone}>{label}</Chip>
        <NodeLink position={branch.position} alias={branch.gate} onShowNode={onShowNode} />
        <span className={classes.fact}>
          <b>{branch.kind}</b>{' '}
          <span className="ax-dim">{POLICIES[branch.policy] ?? branch.policy}</span>
        </span>
        {branch.opened_at !== null && (
          <span className={classes.fact}>
            <span className="ax-dim">Opened</span> <Moment at={branch.opened_at} />
          </span>
        )}
      </header>
      <table className={classes.table}>
        <thead>
          <tr>
            <th>Arm</th>
            <th>Status</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((arm) => (
            <ArmRow key={arm.from} arm={arm} onShowNode={onShowNode} />
          ))}
        </tbody>
      </table>
      {shown.length < branch.arms.length && (
        <Button variant="subtle" size="xs" m="xs" onClick={() => setWhole(true)}>
          Show all {branch.arms.length} arms
        </Button>
      )}
    </article>
  )
}

function ArmRow({ arm, onShowNode }: { arm: Arm; onShowNode: (alias: string) => void }) {
  const { tone, label } = ARM[arm.status]
  return (
    <tr>
      <td>
        <NodeLink
          position={arm.from}
          alias={parsePosition(arm.from).alias}
          onShowNode={onShowNode}
        />
      </td>
      <td>
        <Chip tone={tone}>{label}</Chip>
      </td>
      <td>
        <Moment at={arm.at} />
      </td>
    </tr>
  )
}
