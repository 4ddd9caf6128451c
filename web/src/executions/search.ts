import type { ExecutionsQuery } from '../api/client'
import { STATUSES, type Status } from '../api/types'
import { readText } from '../app/search'
import { beginningOf, endOf, isDay } from '../parts/time'

/** The filters of the list, as the address has them; days are of the local calendar. */
export interface ExecutionsSearch {
  /** Statuses, with commas between them. */
  status?: string
  flow?: string
  from?: string
  to?: string
  q?: string
}

/** The filters that an address names; what makes no sense is none. */
export function readExecutionsSearch(search: Record<string, unknown>): ExecutionsSearch {
  const found: ExecutionsSearch = {}
  const status = readStatuses(readText(search.status)).join(',')
  if (status) found.status = status
  const flow = readText(search.flow)
  if (flow) found.flow = flow
  const from = readText(search.from)
  if (from && isDay(from)) found.from = from
  const to = readText(search.to)
  if (to && isDay(to)) found.to = to
  const q = readText(search.q)?.trim()
  if (q) found.q = q
  return found
}

/** The statuses in a text with commas, in the order that they always have. */
export function readStatuses(text: string | undefined): Status[] {
  const named = new Set((text ?? '').split(',').map((word) => word.trim().toUpperCase()))
  return STATUSES.filter((status) => named.has(status))
}

/** The question to the server that the filters stand for. */
export function toQuery(search: ExecutionsSearch): ExecutionsQuery {
  const query: ExecutionsQuery = {}
  if (search.status) query.status = search.status
  if (search.flow) query.flow = search.flow
  if (search.from) query.started_after = beginningOf(search.from)
  if (search.to) query.started_before = endOf(search.to)
  if (search.q) query.q = search.q
  return query
}
