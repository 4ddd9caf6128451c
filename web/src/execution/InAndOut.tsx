import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api/client'
import type { Checkpoint, Event, ExecutionDetail } from '../api/types'
import { JsonView } from '../parts/JsonView'
import { Loading } from '../parts/Loading'
import { Trouble } from '../parts/Trouble'
import classes from './panel.module.css'
import type { Visit } from './replay/types'

/** Beyond this, an output is only fetched when somebody asks for it. */
const AT_ONCE_BYTES = 64 * 1024
const FRAMES_SHOWN = 20

interface Props {
  execution: ExecutionDetail
  visit: Visit
  events: readonly Event[]
}

/** What went into a visit and what came out, as its checkpoint has it. */
export function InAndOut({ execution, visit, events }: Props) {
  const done = events.findLast((event) => event.kind === 'node_completed')
  if (!done) return <Without visit={visit} />
  return <Recorded key={done.seq} execution={execution} visit={visit} seq={done.seq} event={done} />
}

function Without({ visit }: { visit: Visit }) {
  const words = visit.status === 'running' ? 'It has not returned yet.' : 'It has not completed.'
  return (
    <section className={classes.section}>
      <h3>Input and output</h3>
      <p className="ax-dim">{words} A checkpoint is written when it does.</p>
    </section>
  )
}

function Recorded(props: { execution: ExecutionDetail; visit: Visit; seq: number; event: Event }) {
  const { execution, visit, seq, event } = props
  const size = typeof event.detail.output_bytes === 'number' ? event.detail.output_bytes : 0
  const [asked, ask] = useState(size <= AT_ONCE_BYTES)
  const checkpoint = useQuery({
    // A checkpoint never changes: not below the key that new events invalidate.
    queryKey: ['checkpoint', execution.execution_id, seq],
    queryFn: async () =>
      (await api.checkpoints(execution.execution_id, { cursor: seq - 1, limit: 1 })).rows[0] ??
      null,
    enabled: asked,
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (!asked)
    return (
      <section className={classes.section}>
        <h3>Input and output</h3>
        <Button size="xs" variant="default" onClick={() => ask(true)}>
          Show {bytesText(size)}
        </Button>
      </section>
    )
  if (checkpoint.error)
    return <Trouble failure={checkpoint.error} onRetry={() => void checkpoint.refetch()} />
  if (!checkpoint.data) return <Loading lines={3} />
  return (
    <>
      <section className={classes.section}>
        <h3>Input</h3>
        <JsonView value={checkpoint.data.input} />
      </section>
      <section className={classes.section}>
        <h3>
          Output <span>{checkpoint.data.message}</span>
        </h3>
        {execution.mode === 'pipeline' ? (
          <Frames id={execution.execution_id} alias={visit.alias} checkpoint={checkpoint.data} />
        ) : (
          <JsonView value={checkpoint.data.output} />
        )}
      </section>
    </>
  )
}

function Frames({ id, alias, checkpoint }: { id: string; alias: string; checkpoint: Checkpoint }) {
  const frames = useQuery({
    queryKey: ['frames', id, alias],
    queryFn: () => api.frames(id, { node: alias, limit: FRAMES_SHOWN }),
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (frames.error) return <Trouble failure={frames.error} />
  if (!frames.data) return <Loading lines={3} />
  const count = checkpoint.frames ?? frames.data.rows.length
  return (
    <>
      {frames.data.rows.map((frame) => (
        <article key={frame.frame_index} className={classes.frame}>
          <span className={classes.index}>{frame.frame_index}</span>
          <JsonView value={frame.payload} />
        </article>
      ))}
      {count > FRAMES_SHOWN && (
        <p className="ax-dim">
          The first {FRAMES_SHOWN} of {count} frames.
        </p>
      )}
    </>
  )
}

function bytesText(bytes: number): string {
  return bytes < 1024 * 1024
    ? `${Math.round(bytes / 1024)} KiB`
    : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
