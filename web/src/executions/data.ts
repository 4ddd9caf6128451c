import { keepPreviousData, type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, useState } from 'react'
import { api, type ExecutionsQuery } from '../api/client'
import { ended } from '../app/statuses'
import { append, begin, chunksWithin, flat, type Page, type Rows, refresh } from './rows'
import type { Range } from './useWindow'

const POLL_MS = 1_500
const HEAD_ROWS = 100
const MORE_ROWS = 500
/** After this many pages of what has begun meanwhile, the list begins anew. */
const CATCH_UP_PAGES = 4
const CATCH_UP_ROWS = 1_000

/** The list under a filter: read as far as somebody has scrolled, and kept up to date. */
export function useExecutions(filter: ExecutionsQuery, live: boolean) {
  const client = useQueryClient()
  const view = useRef<Range>({ start: 0, end: 0 })
  const key = useMemo(() => ['executions', filter] as const, [filter])
  const query = useQuery({
    queryKey: key,
    queryFn: () => readAgain(client, key, filter, live ? view.current : null),
    refetchInterval: live ? POLL_MS : false,
    placeholderData: keepPreviousData,
    // The rows compare themselves, see rows.ts: to compare 100,000 twice is felt.
    structuralSharing: false,
  })
  const reading = useRef<string | null>(null)
  const [failures, setFailures] = useState(0)
  const more = useCallback(async () => {
    const known = client.getQueryData<Rows>(key)
    const cursor = known?.next
    if (!cursor || reading.current === cursor) return
    reading.current = cursor
    try {
      const page = await api.executions({ ...filter, cursor, limit: MORE_ROWS })
      client.setQueryData<Rows>(key, (now) => now && append(now, cursor, page))
      reading.current = null
    } catch {
      // Why it failed is told by the poll, which fails as well. A new function is asked anew.
      setTimeout(() => {
        reading.current = null
        setFailures((before) => before + 1)
      }, POLL_MS)
    }
  }, [client, key, filter, failures])
  const rows = useMemo(() => (query.data ? flat(query.data) : []), [query.data])
  return { query, rows, next: query.data?.next ?? null, more, view }
}

/** The top of the list, and what is in view and may have changed; the rest as it was. */
async function readAgain(
  client: QueryClient,
  key: readonly unknown[],
  filter: ExecutionsQuery,
  view: Range | null,
): Promise<Rows> {
  const known = () => client.getQueryData<Rows>(key)
  const cursors = view ? staleCursors(known(), view) : []
  const [head, ...pages] = await Promise.all([
    readTop(filter, known),
    ...cursors.map((cursor) => api.executions({ ...filter, cursor, limit: MORE_ROWS })),
  ])
  // As it is now: somebody may have scrolled on meanwhile.
  const before = known()
  let rows = (before && refresh(before, 0, head)) ?? begin(head)
  for (const [at, cursor] of cursors.entries()) {
    const index = rows.chunks.findIndex((chunk) => chunk.cursor === cursor)
    const page = pages[at]
    if (index >= 0 && page) rows = refresh(rows, index, page) ?? rows
  }
  return rows
}

/** The newest rows, down to those that are known, unless these are far away. */
async function readTop(filter: ExecutionsQuery, known: () => Rows | undefined): Promise<Page> {
  let page: Page = await api.executions({ ...filter, limit: HEAD_ROWS })
  for (let pages = 0; page.next && pages < CATCH_UP_PAGES; pages += 1) {
    const rows = known()
    if (!rows || refresh(rows, 0, page) !== null) break
    const older = await api.executions({ ...filter, limit: CATCH_UP_ROWS, cursor: page.next })
    page = { rows: [...page.rows, ...older.rows], next: older.next }
  }
  return page
}

/** Where the runs begin that are in view and may have changed; the top is read anyway. */
function staleCursors(rows: Rows | undefined, view: Range): string[] {
  if (!rows) return []
  const stale = chunksWithin(rows, view.start, view.end - 1, (row) => !ended(row.status))
  return stale.flatMap((index) => rows.chunks[index]?.cursor ?? [])
}
