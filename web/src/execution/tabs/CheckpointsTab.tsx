import { useMemo, useState } from 'react'
import { Blank } from '../../parts/Blank'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import { ForkDialog } from '../actions/ForkDialog'
import { useHistory } from '../data'
import { CheckpointDetail } from './CheckpointDetail'
import { CheckpointList } from './CheckpointList'
import { checkpointRows } from './checkpoints'
import type { TabProps } from './props'
import classes from './tabs.module.css'

/** Every completed node visit, with what was recorded of it. */
export function CheckpointsTab({ execution, artifact, onShowNode }: TabProps) {
  const history = useHistory(execution.execution_id)
  const rows = useMemo(() => checkpointRows(artifact, history.events), [artifact, history.events])
  const [seq, setSeq] = useState<number | null>(null)
  const [forkFrom, setForkFrom] = useState<number | null>(null)
  const selected = rows.find((row) => row.seq === seq) ?? null

  if (rows.length === 0) {
    if (history.failure !== null) return <Trouble failure={history.failure} />
    if (!history.complete) return <Loading />
    return (
      <Blank
        title="No checkpoints yet"
        text="Each node visit that completes is recorded here, with what it took and returned."
      />
    )
  }
  return (
    <div className={classes.split}>
      <CheckpointList rows={rows} selected={seq} onSelect={setSeq} />
      <div className={classes.side}>
        {selected === null ? (
          <Blank
            title={`${rows.length} ${rows.length === 1 ? 'checkpoint' : 'checkpoints'}`}
            text="Choose one to see what was recorded: its input, its output, and where it led."
          />
        ) : (
          <CheckpointDetail
            key={selected.seq}
            execution={execution}
            row={selected}
            onShowNode={onShowNode}
            onFork={() => setForkFrom(selected.seq)}
          />
        )}
      </div>
      {forkFrom !== null && (
        <ForkDialog
          execution={execution}
          artifact={artifact}
          from={forkFrom}
          onClose={() => setForkFrom(null)}
        />
      )}
    </div>
  )
}
