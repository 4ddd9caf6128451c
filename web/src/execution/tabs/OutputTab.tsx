import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { api, outputAddress } from '../../api/client'
import { ended, LABELS } from '../../app/statuses'
import { sizeText } from '../../forms/bytes'
import { Blank } from '../../parts/Blank'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import { useHistory } from '../data'
import { CompensationReport } from './CompensationReport'
import { checkpointRows, LARGE_BYTES } from './checkpoints'
import { FailureReport } from './FailureReport'
import { FramesPanel } from './FramesPanel'
import { LargeNotice } from './LargeNotice'
import { MessagePanel } from './Panel'
import type { TabProps } from './props'
import classes from './tabs.module.css'

/** What came of an execution: its output, its frames, or why there is none. */
export function OutputTab(props: TabProps) {
  const { execution, artifact, onShowNode } = props
  return (
    <div className={classes.stack}>
      {execution.failure !== null && (
        <FailureReport
          failure={execution.failure}
          error={execution.error}
          status={execution.status}
          onShowNode={onShowNode}
        />
      )}
      {execution.compensation !== null && (
        <CompensationReport
          compensation={execution.compensation}
          status={execution.status}
          onShowNode={onShowNode}
        />
      )}
      {artifact.mode === 'pipeline' && <FramesPanel execution={execution} artifact={artifact} />}
      {artifact.mode === 'unary' && <UnaryOutput {...props} />}
    </div>
  )
}

function UnaryOutput({ execution, artifact }: TabProps) {
  const bytes = useOutputBytes(execution.execution_id, artifact)
  const [isWanted, setWanted] = useState(false)
  if (execution.status !== 'COMPLETED') {
    if (execution.failure !== null || ended(execution.status)) return null
    return (
      <Blank
        title="No output yet"
        text={`The execution is ${LABELS[execution.status].toLowerCase()}. Its output is here once it has completed.`}
      />
    )
  }
  if (execution.ended_at !== null) {
    return (
      <Blank
        title="Completed without an output"
        text={`It ended at ${execution.ended_at.join(', ')}: no way on from there was taken.`}
      />
    )
  }
  if (bytes === undefined) return <Loading />
  if (bytes >= LARGE_BYTES && !isWanted) {
    return (
      <LargeNotice
        onLoad={() => setWanted(true)}
        address={outputAddress(execution.execution_id)}
        file={`${execution.execution_id}-output`}
      >
        The output is large: {sizeText(bytes)}.
      </LargeNotice>
    )
  }
  return <Output executionId={execution.execution_id} bytes={bytes} />
}

function Output({ executionId, bytes }: { executionId: string; bytes: number }) {
  const { data, error, refetch } = useQuery({
    queryKey: ['output', executionId],
    queryFn: () => api.output(executionId),
    gcTime: bytes >= LARGE_BYTES ? 0 : 300_000,
  })
  if (data === undefined) {
    return error ? <Trouble failure={error} onRetry={() => void refetch()} /> : <Loading />
  }
  return (
    <MessagePanel
      title="Output"
      value={data.output}
      file={`${executionId}-output`}
      aside={
        <span className="ax-mono ax-dim">
          {data.message} · {sizeText(bytes)}
        </span>
      }
    />
  )
}

/** How large the terminal's last output is; undefined until the history is there. */
function useOutputBytes(id: string, artifact: TabProps['artifact']): number | undefined {
  const history = useHistory(id)
  return useMemo(() => {
    if (!history.complete) return undefined
    const rows = checkpointRows(artifact, history.events)
    return rows.findLast((row) => row.placement === artifact.terminal)?.outputBytes ?? 0
  }, [artifact, history])
}
