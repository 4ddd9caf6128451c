/** How many frames a pipeline has, counted live while it runs. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, framesAddress } from '../../api/client'
import { follow } from '../../api/follow'
import type { Execution } from '../../api/types'
import { ended } from '../../app/statuses'

export const FRAMES_PER_PAGE = 50
const REDRAW_MS = 150

interface StreamMessage {
  frame_index: number
  is_final: boolean
}

/** The number of frames that are durable; undefined until it is known. */
export function useFrameCount(execution: Execution): number | undefined {
  const id = execution.execution_id
  const { data } = useQuery({ queryKey: ['output', id], queryFn: () => api.output(id) })
  const stored = data?.frames ?? undefined
  const isKnown = stored !== undefined
  const [live, setLive] = useState(0)
  const isLive = !ended(execution.status) && isKnown
  useEffect(() => {
    if (!isLive) return
    const counter = new FrameCounter(id, setLive)
    return () => counter.stop()
  }, [id, isLive])
  return isKnown ? Math.max(stored, live) : undefined
}

/** Counts what streams by: the frames themselves are read a page at a time. */
class FrameCounter {
  private count = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly unfollow: () => void

  constructor(
    id: string,
    private readonly show: (count: number) => void,
  ) {
    this.unfollow = follow({
      address: () => framesAddress(id, this.count),
      onMessage: (data) => this.see(JSON.parse(data) as StreamMessage),
    })
  }

  stop(): void {
    this.unfollow()
    clearTimeout(this.timer)
  }

  private see(message: StreamMessage): void {
    if (message.is_final) this.unfollow()
    else this.count = Math.max(this.count, message.frame_index + 1)
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.show(this.count)
    }, REDRAW_MS)
  }
}

/** One page of frames; a page that is not full yet is read again as frames come. */
export function useFramePage(id: string, page: number, count: number) {
  const client = useQueryClient()
  const first = page * FRAMES_PER_PAGE
  const rows = Math.max(0, Math.min(FRAMES_PER_PAGE, count - first))
  return useQuery({
    queryKey: ['frames', id, page, rows],
    queryFn: async () => (await api.frames(id, { from: first, limit: FRAMES_PER_PAGE })).rows,
    enabled: rows > 0,
    staleTime: Number.POSITIVE_INFINITY,
    // What is on screen stays while a few frames more are asked for.
    placeholderData: () =>
      client
        .getQueriesData<Awaited<ReturnType<typeof api.frames>>['rows']>({
          queryKey: ['frames', id, page],
        })
        .findLast(([, known]) => known !== undefined)?.[1],
  })
}
