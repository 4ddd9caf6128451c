import { useEffect, useState } from 'react'
import { framesAddress } from '../api/client'
import { follow } from '../api/follow'
import type { ExecutionDetail, Json } from '../api/types'
import { Blank } from '../parts/Blank'
import { JsonView } from '../parts/JsonView'
import classes from './panel.module.css'
import { Scrolls } from './Scrolls'

interface Arrived {
  index: number
  payload: Json
}

interface Stream {
  frames: readonly Arrived[]
  count: number
  closed: boolean
  error: string | null
}

interface Wire {
  frame_index: number
  payload?: Json
  is_final: boolean
  error?: string | null
}

const FRAMES_MOST = 200
const SHOW_MS = 80

/** The frames of a pipeline as they arrive, the newest first. */
export function FramesPanel({ execution }: { execution: ExecutionDetail }) {
  const { frames, count, closed, error } = useFrames(execution.execution_id)
  return (
    <aside className={classes.panel} aria-label="Frames">
      <div className={classes.head}>
        <h2>Frames</h2>
        <span className={classes.said} role="status">
          {count.toLocaleString('en')} {closed ? 'in all' : 'so far'}
          {count > frames.length && `, the last ${frames.length} are shown`}
        </span>
      </div>
      {error !== null && <p className={classes.failure}>{error}</p>}
      <Scrolls className={classes.body} label="Frames, newest first">
        {frames.length === 0 && (
          <Blank
            title={closed ? 'No frames' : 'No frames yet'}
            text={closed ? 'This execution has emitted none.' : 'They appear as they arrive.'}
          />
        )}
        {frames.map(({ index, payload }) => (
          <article key={index} className={classes.frame}>
            <span className={classes.index}>{index}</span>
            <JsonView value={payload} />
          </article>
        ))}
      </Scrolls>
    </aside>
  )
}

const EMPTY: Stream = { frames: [], count: 0, closed: false, error: null }

function useFrames(id: string): Stream {
  const [stream, setStream] = useState(EMPTY)
  useEffect(() => {
    let now = EMPTY
    let timer: ReturnType<typeof setTimeout> | undefined
    const show = (next: Stream) => {
      now = next
      timer ??= setTimeout(() => {
        timer = undefined
        setStream(now)
      }, SHOW_MS)
    }
    const stop = follow({
      address: () => framesAddress(id, now.count),
      onMessage: (data) => {
        const frame = JSON.parse(data) as Wire
        if (frame.is_final) {
          stop()
          show({ ...now, closed: true, error: frame.error ?? null })
        } else show(withFrame(now, frame))
      },
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [id])
  return stream
}

function withFrame(stream: Stream, { frame_index: index, payload }: Wire): Stream {
  if (index < stream.count) return stream
  const frames = [{ index, payload: payload ?? null }, ...stream.frames].slice(0, FRAMES_MOST)
  return { ...stream, frames, count: index + 1 }
}
