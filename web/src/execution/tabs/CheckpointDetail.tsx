import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { GitFork } from 'lucide-react'
import { useState } from 'react'
import { api, checkpointAddress } from '../../api/client'
import type { ExecutionDetail } from '../../api/types'
import { sizeText } from '../../forms/bytes'
import { Loading } from '../../parts/Loading'
import { Moment } from '../../parts/Moment'
import { Trouble } from '../../parts/Trouble'
import { forkHindrance } from '../actions/hindrances'
import { ReasonedButton } from '../actions/ReasonedButton'
import type { CheckpointRow } from './checkpoints'
import { LargeNotice } from './LargeNotice'
import { NodeLink } from './NodeLink'
import { MessagePanel } from './Panel'
import classes from './tabs.module.css'

interface DetailProps {
  execution: ExecutionDetail
  row: CheckpointRow
  onShowNode: (alias: string) => void
  onFork: () => void
}

/** One checkpoint: what went in and what came out. */
export function CheckpointDetail({ execution, row, onShowNode, onFork }: DetailProps) {
  const [isWanted, setWanted] = useState(!row.isLarge)
  return (
    <>
      <div className={classes.sideHead}>
        <NodeLink position={row.position} alias={row.placement} onShowNode={onShowNode} />
        <Moment at={row.completedAt} />
        <ReasonedButton
          reason={forkHindrance(execution)}
          size="xs"
          leftSection={<GitFork size={14} />}
          onClick={onFork}
        >
          Fork from here
        </ReasonedButton>
      </div>
      {row.child !== null && (
        <p className={classes.note}>
          Done by the child execution{' '}
          <Link
            className={classes.link}
            to="/executions/$executionId"
            params={{ executionId: row.child }}
          >
            {row.child}
          </Link>
        </p>
      )}
      {isWanted ? (
        <Recorded execution={execution} row={row} />
      ) : (
        <Large execution={execution} row={row} onLoad={() => setWanted(true)} />
      )}
    </>
  )
}

function Large(props: { execution: ExecutionDetail; row: CheckpointRow; onLoad: () => void }) {
  const { execution, row, onLoad } = props
  return (
    <LargeNotice
      onLoad={onLoad}
      address={checkpointAddress(execution.execution_id, row.seq)}
      file={`${row.placement}-${row.seq}`}
    >
      What was recorded is large: an output of {sizeText(row.outputBytes)}
      {(row.outputBytes ?? 0) < 1024 ? ', of more than that' : ''}.
    </LargeNotice>
  )
}

function Recorded({ execution, row }: { execution: ExecutionDetail; row: CheckpointRow }) {
  const { data, error, refetch } = useQuery({
    queryKey: ['checkpoint', execution.execution_id, row.seq],
    queryFn: () => api.checkpoint(execution.execution_id, row.seq),
    staleTime: Number.POSITIVE_INFINITY,
    // A large one is not kept for whoever may come back to it.
    gcTime: row.isLarge ? 0 : 300_000,
  })
  if (error) return <Trouble failure={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Loading />
  const name = `${execution.flow}-${row.position}`
  const ways = data.edges_taken.map((way) => way.to)
  return (
    <>
      <MessagePanel title="Input" value={data.input} file={`${name}-input`} />
      {data.frames === undefined ? (
        <MessagePanel
          title="Output"
          value={data.output}
          file={`${name}-output`}
          aside={<span className="ax-mono ax-dim">{row.message}</span>}
        />
      ) : (
        <p className={classes.note}>{data.frames} frames, which are under Output.</p>
      )}
      {ways.length > 0 && <p className={classes.note}>Passed on to {ways.join(', ')}.</p>}
    </>
  )
}
