import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { ExternalLink, RadioTower, Unplug } from 'lucide-react'
import { memo, type ReactNode } from 'react'
import type { Artifact, ExecutionDetail } from '../api/types'
import { ended } from '../app/statuses'
import { CopyText } from '../parts/CopyText'
import { useNow } from '../parts/now'
import { StatusBadge } from '../parts/StatusBadge'
import { absolute, durationText, inFull, relative } from '../parts/time'
import { ActionBar } from './actions/ActionBar'
import type { HistoryView } from './data'
import classes from './detail.module.css'
import type { Replay } from './replay/replay'

interface Props {
  execution: ExecutionDetail
  artifact: Artifact
  replay: Replay
  history: HistoryView
}

export const Header = memo(function Header({ execution, artifact, replay, history }: Props) {
  return (
    <header className={classes.header}>
      <div className={classes.naming}>
        <nav className={classes.crumbs} aria-label="Breadcrumb">
          <Link to="/executions">Executions</Link>
          <span aria-hidden>/</span>
          <Link to="/executions" search={{ flow: execution.flow } as never}>
            {execution.flow}
          </Link>
        </nav>
        <div className={classes.title}>
          <h1>{execution.flow}</h1>
          <StatusBadge status={execution.status} />
          <span className={classes.mode}>{execution.mode === 'unary' ? 'Unary' : 'Pipeline'}</span>
          {!ended(execution.status) && <Live history={history} />}
        </div>
        <div className={classes.under}>
          <CopyText text={execution.execution_id} label="execution ID" />
          <Kin execution={execution} replay={replay} />
        </div>
      </div>
      <dl className={classes.times}>
        <At name="Started" at={execution.started_at} />
        <At name="Updated" at={execution.updated_at} />
        <At name="Completed" at={execution.completed_at} />
        <Duration execution={execution} />
      </dl>
      <div className={classes.actions}>
        <ActionBar execution={execution} artifact={artifact} />
        <Button
          variant="default"
          size="xs"
          leftSection={<ExternalLink size={14} />}
          renderRoot={(props) => (
            <Link to="/flows/$graphId" params={{ graphId: execution.graph_id }} {...props} />
          )}
        >
          Open flow
        </Button>
      </div>
    </header>
  )
})

/** Whether what is shown is what happens now. */
function Live({ history }: { history: HistoryView }) {
  const lost = history.connection === 'lost'
  const Icon = lost ? Unplug : RadioTower
  const words = lost ? 'Reconnecting' : history.connection === 'live' ? 'Live' : 'Connecting'
  return (
    <span className={classes.live} data-lost={lost || undefined} role="status">
      <Icon size={13} aria-hidden /> {words}
    </span>
  )
}

function At({ name, at }: { name: string; at: string | null }) {
  const now = useNow()
  return (
    <Figure name={name} title={at === null ? undefined : inFull(at)} below={relative(at, now)}>
      {at === null ? '–' : <time dateTime={at}>{absolute(at).slice(11)}</time>}
    </Figure>
  )
}

function Duration({ execution }: { execution: ExecutionDetail }) {
  const now = useNow()
  const started = execution.started_at === null ? null : Date.parse(execution.started_at)
  const soFar = started === null || ended(execution.status) ? null : Math.max(0, now - started)
  const attempts = execution.attempt > 1 ? `attempt ${execution.attempt}` : ''
  return (
    <Figure name="Duration" title={undefined} below={attempts}>
      {durationText(execution.duration_ms ?? soFar)}
    </Figure>
  )
}

function Figure(props: {
  name: string
  title: string | undefined
  below: string
  children: ReactNode
}) {
  return (
    <div title={props.title}>
      <dt>{props.name}</dt>
      <dd className="ax-mono">{props.children}</dd>
      <dd className={classes.below}>{props.below}</dd>
    </div>
  )
}

const CHILDREN_SHOWN = 3

/** The executions that this one came from, and those that it began. */
function Kin({ execution, replay }: { execution: ExecutionDetail; replay: Replay }) {
  const children: string[] = []
  if (replay.counts.has('node_child_started'))
    for (const visit of replay.visits.values())
      for (const call of visit.calls) if (call.child !== null) children.push(call.child)
  return (
    <>
      {execution.parent_id !== null && <Relative name="Parent" id={execution.parent_id} />}
      {execution.forked_from !== null && <Relative name="Forked from" id={execution.forked_from} />}
      {children.slice(0, CHILDREN_SHOWN).map((id) => (
        <Relative key={id} name="Child" id={id} />
      ))}
      {children.length > CHILDREN_SHOWN && (
        <span className="ax-dim">and {children.length - CHILDREN_SHOWN} more children</span>
      )}
    </>
  )
}

function Relative({ name, id }: { name: string; id: string }) {
  return (
    <span className={classes.relative}>
      {name}{' '}
      <Link to="/executions/$executionId" params={{ executionId: id }} title={id}>
        {id.slice(0, 8)}…
      </Link>
    </span>
  )
}
