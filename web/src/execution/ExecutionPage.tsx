import { useParams } from '@tanstack/react-router'
import { useCallback, useDeferredValue, useMemo } from 'react'
import type { Artifact, ExecutionDetail } from '../api/types'
import { useTitle } from '../app/title'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import { Canvas } from './canvas/Canvas'
import { DetailTabs } from './DetailTabs'
import { useArtifact, useExecution, useHistory } from './data'
import classes from './detail.module.css'
import { FramesPanel } from './FramesPanel'
import { Header } from './Header'
import { NodePanel } from './NodePanel'
import { edgeStatesAt, statesAt } from './replay/at'
import { makeAxis } from './replay/axis'
import { rowsOf } from './replay/bars'
import { useLength, useReplay } from './replay/use'
import { Scrubber } from './Scrubber'
import { useExecutionSearch } from './search'
import { useClock } from './time'

/** One execution: what happened, when, and where in its flow. */
export function ExecutionPage() {
  const { executionId } = useParams({ strict: false }) as { executionId: string }
  const execution = useExecution(executionId)
  const artifact = useArtifact(execution.data?.graph_id)
  useTitle(execution.data ? `${execution.data.flow} ${executionId.slice(0, 8)}` : 'Execution')
  const failed = execution.data ? artifact : execution
  if (execution.data && artifact.data)
    return <Detail key={executionId} execution={execution.data} artifact={artifact.data} />
  return (
    <div className="ax-page">
      {failed.error ? (
        <Trouble failure={failed.error} onRetry={() => void failed.refetch()} />
      ) : (
        <Loading />
      )}
    </div>
  )
}

function Detail({ execution, artifact }: { execution: ExecutionDetail; artifact: Artifact }) {
  const history = useHistory(execution.execution_id)
  const shown = useReplay(artifact, history.events)
  const { replay } = shown
  const length = useLength(shown)
  const clock = useClock(replay, length)
  const [search, change] = useExecutionSearch()
  const axis = useMemo(() => makeAxis(shown.replay.busy, length), [shown, length])
  const rows = useMemo(() => rowsOf(shown.replay), [shown])
  // A flow of hundreds of cards may come a moment later: the scrubber must not wait for it.
  const t = useDeferredValue(clock.t)
  const states = useMemo(() => statesAt(shown.replay, t), [shown, t])
  const edgeStates = useMemo(() => edgeStatesAt(shown.replay, t), [shown, t])
  const select = useCallback(
    (alias: string | null) => change({ node: alias ?? undefined }),
    [change],
  )
  const close = useCallback(() => select(null), [select])
  const selected = replay.tracks.has(search.node ?? '') ? (search.node ?? null) : null
  return (
    <div className={classes.detail}>
      <Header execution={execution} artifact={artifact} replay={replay} history={history} />
      <div className={classes.stage}>
        <Canvas
          artifact={artifact}
          states={states}
          edgeStates={edgeStates}
          selected={selected}
          onSelect={select}
        />
        {selected !== null ? (
          <NodePanel
            key={selected}
            alias={selected}
            execution={execution}
            artifact={artifact}
            shown={shown}
            events={history.events}
            t={clock.t}
            length={length}
            onClose={close}
            onTime={clock.go}
          />
        ) : (
          execution.mode === 'pipeline' && <FramesPanel execution={execution} />
        )}
      </div>
      <Scrubber shown={shown} rows={rows} axis={axis} length={length} clock={clock} />
      <DetailTabs
        execution={execution}
        artifact={artifact}
        history={history}
        shown={shown}
        rows={rows}
        axis={axis}
        clock={clock}
        onShowNode={select}
      />
    </div>
  )
}
