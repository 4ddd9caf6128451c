import { Checkbox, Pagination } from '@mantine/core'
import { useState } from 'react'
import type { Artifact, ExecutionDetail, Frame } from '../../api/types'
import { ended } from '../../app/statuses'
import { Blank } from '../../parts/Blank'
import { JsonView } from '../../parts/JsonView'
import { Loading } from '../../parts/Loading'
import { Trouble } from '../../parts/Trouble'
import { FRAMES_PER_PAGE, useFrameCount, useFramePage } from './frames'
import { Panel } from './Panel'
import classes from './tabs.module.css'

/** The frames of a pipeline, a page at a time; while it runs, the newest as they come. */
export function FramesPanel(props: { execution: ExecutionDetail; artifact: Artifact }) {
  const { execution, artifact } = props
  const count = useFrameCount(execution)
  const [chosen, setChosen] = useState<number | null>(null)
  const isOver = ended(execution.status)
  const pages = Math.max(1, Math.ceil((count ?? 0) / FRAMES_PER_PAGE))
  const newest = pages - 1
  const page = Math.min(chosen ?? (isOver ? 0 : newest), newest)
  const frames = useFramePage(execution.execution_id, page, count ?? 0)
  const message = artifact.nodes.find((node) => node.alias === artifact.terminal)?.output ?? ''
  if (count === undefined) return <Loading />
  return (
    <Panel
      title={`${count.toLocaleString('en')} ${count === 1 ? 'frame' : 'frames'}`}
      aside={
        <span className={classes.asides}>
          {!isOver && (
            <Checkbox
              size="xs"
              label="Follow the newest"
              checked={chosen === null}
              onChange={(event) => setChosen(event.currentTarget.checked ? null : page)}
            />
          )}
          <span className="ax-mono ax-dim">{message}</span>
        </span>
      }
    >
      {frames.error && <Trouble failure={frames.error} onRetry={() => void frames.refetch()} />}
      {count === 0 && (
        <Blank
          title={isOver ? 'It has emitted no frame' : 'No frames yet'}
          text={isOver ? 'The terminal ended without one.' : 'They appear here as they come.'}
        />
      )}
      {frames.data && count > 0 && (
        <FrameList frames={isOver || chosen !== null ? frames.data : frames.data.toReversed()} />
      )}
      {pages > 1 && (
        <Pagination
          size="sm"
          mt="sm"
          total={pages}
          value={page + 1}
          onChange={(next) => setChosen(next - 1)}
          getControlProps={(control) => ({ 'aria-label': `${control} page` })}
        />
      )}
    </Panel>
  )
}

function FrameList({ frames }: { frames: readonly Frame[] }) {
  return (
    <ol className={classes.frames} aria-label="Frames">
      {frames.map((frame) => (
        <li key={frame.frame_index}>
          <span className={classes.frameIndex}>{frame.frame_index}</span>
          <JsonView value={frame.payload} />
        </li>
      ))}
    </ol>
  )
}
