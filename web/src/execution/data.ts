/** What the page of an execution asks the server for. History is paged through, then followed. */
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useSyncExternalStore } from 'react'
import { api, eventsAddress } from '../api/client'
import { passes } from '../api/errors'
import { type Connection, follow } from '../api/follow'
import type { Event } from '../api/types'
import { ended } from '../app/statuses'

export interface HistoryView {
  events: Event[]
  connection: Connection
  /** Whether everything is there that had happened when the page was opened. */
  complete: boolean
  failure: unknown
}

const PAGE_ROWS = 1_000
const PUBLISH_MS = 120
const INVALIDATE_MS = 300
const AGAIN_MS = 1_500
const AGAIN_MOST_MS = 8_000

const ENDS = new Set(['execution_completed', 'execution_failed', 'execution_cancelled'])
const DEPENDENT = ['execution', 'checkpoints', 'pauses', 'branches', 'output'] as const

export function useExecution(id: string) {
  return useQuery({
    queryKey: ['execution', id],
    queryFn: () => api.execution(id),
    // Events say when there is news; this is for when their stream is down.
    refetchInterval: ({ state }) =>
      state.data !== undefined && ended(state.data.status) ? false : 10_000,
  })
}

/** An artifact never changes. */
export function useArtifact(graphId: string | undefined) {
  return useQuery({
    queryKey: ['artifact', graphId],
    queryFn: () => api.artifact(graphId ?? ''),
    enabled: graphId !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
}

const NOTHING: HistoryView = {
  events: [],
  connection: 'connecting',
  complete: false,
  failure: null,
}

/** Whoever looks at the same execution shares one reader, and so one stream. */
interface Shared {
  reader: HistoryReader
  view: HistoryView
  listeners: Set<() => void>
}

const sharedHistories = new Map<string, Shared>()

export function useHistory(id: string): HistoryView {
  const client = useQueryClient()
  const subscribe = useCallback(
    (listener: () => void) => {
      const shared = sharedHistories.get(id) ?? beginHistory(id, client)
      shared.listeners.add(listener)
      return () => {
        shared.listeners.delete(listener)
        if (shared.listeners.size > 0) return
        shared.reader.stop()
        sharedHistories.delete(id)
      }
    },
    [id, client],
  )
  return useSyncExternalStore(subscribe, () => sharedHistories.get(id)?.view ?? NOTHING)
}

function beginHistory(id: string, client: QueryClient): Shared {
  const listeners = new Set<() => void>()
  const reader = new HistoryReader(id, client, (view) => {
    shared.view = view
    for (const listener of listeners) listener()
  })
  const shared: Shared = { reader, view: NOTHING, listeners }
  sharedHistories.set(id, shared)
  void reader.load()
  return shared
}

/** Reads the history of one execution until it has ended, or nobody looks any more. */
class HistoryReader {
  private events: Event[] = []
  private last = -1
  private connection: Connection = 'connecting'
  private complete = false
  private failure: unknown = null
  private stopped = false
  private unfollow: (() => void) | null = null
  private again: ReturnType<typeof setTimeout> | undefined
  private publishing: ReturnType<typeof setTimeout> | undefined
  private invalidating: ReturnType<typeof setTimeout> | undefined
  private wait = AGAIN_MS

  constructor(
    private readonly id: string,
    private readonly client: QueryClient,
    private readonly show: (view: HistoryView) => void,
  ) {}

  stop(): void {
    this.stopped = true
    this.unfollow?.()
    clearTimeout(this.again)
    clearTimeout(this.publishing)
    clearTimeout(this.invalidating)
  }

  async load(): Promise<void> {
    try {
      await this.readPages()
      this.failure = null
      this.wait = AGAIN_MS
    } catch (failure) {
      this.failure = failure
      this.connection = 'lost'
      if (passes(failure)) this.loadLater()
    }
    this.publishSoon()
  }

  private async readPages(): Promise<void> {
    for (let more = true; more && !this.stopped; ) {
      const page = await api.events(this.id, this.last, PAGE_ROWS)
      this.add(page.rows)
      more = page.next !== null
    }
    if (this.stopped) return
    this.complete = true
    // It went on while the history was read: what was asked for beside it may be from before.
    this.invalidateSoon()
    if (!this.hasEnded()) this.follow()
    else this.connection = 'live'
  }

  private loadLater(): void {
    if (this.stopped) return
    this.again = setTimeout(() => void this.load(), this.wait)
    this.wait = Math.min(this.wait * 2, AGAIN_MOST_MS)
  }

  private follow(): void {
    this.unfollow = follow({
      address: () => eventsAddress(this.id, this.last),
      onMessage: (data) => {
        this.add([JSON.parse(data) as Event])
        this.invalidateSoon()
        if (this.hasEnded()) this.unfollow?.()
      },
      onConnection: (connection) => {
        // The server closes the stream at the end: nothing is lost by that.
        this.connection = this.hasEnded() ? 'live' : connection
        this.publishSoon()
      },
    })
  }

  private add(rows: readonly Event[]): void {
    for (const event of rows) {
      if (event.seq <= this.last) continue
      this.events.push(event)
      this.last = event.seq
    }
    this.publishSoon()
  }

  private hasEnded(): boolean {
    const last = this.events.at(-1)
    return last !== undefined && ENDS.has(last.kind)
  }

  private publishSoon(): void {
    this.publishing ??= setTimeout(() => {
      this.publishing = undefined
      const { connection, complete, failure } = this
      if (!this.stopped) this.show({ events: [...this.events], connection, complete, failure })
    }, PUBLISH_MS)
  }

  private invalidateSoon(): void {
    this.invalidating ??= setTimeout(() => {
      this.invalidating = undefined
      for (const name of DEPENDENT)
        void this.client.invalidateQueries({ queryKey: [name, this.id] })
    }, INVALIDATE_MS)
  }
}
