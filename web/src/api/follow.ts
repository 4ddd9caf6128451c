/**
 * Server-sent events that go on through restarts of the server. The browser's own EventSource gives
 * up when an answer is no stream (a proxy's 502, a box that is still starting): this asks again,
 * from the last id it has seen.
 */

export type Connection = 'connecting' | 'live' | 'lost'

export interface Follower {
  /** The address to go on from: called anew for each connection. */
  address: () => string
  onMessage: (data: string) => void
  onConnection?: (state: Connection) => void
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 8_000

/** Follow until the returned function is called. */
export function follow({ address, onMessage, onConnection }: Follower): () => void {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = FIRST_WAIT_MS
  let stopped = false

  const open = () => {
    onConnection?.('connecting')
    const current = new EventSource(address())
    source = current
    current.onopen = () => {
      wait = FIRST_WAIT_MS
      onConnection?.('live')
    }
    current.onmessage = (event) => onMessage(event.data)
    current.onerror = () => {
      current.close()
      if (stopped) return
      onConnection?.('lost')
      timer = setTimeout(open, wait)
      wait = Math.min(wait * 2, LONGEST_WAIT_MS)
    }
  }
  open()
  return () => {
    stopped = true
    clearTimeout(timer)
    source?.close()
  }
}
