/** What an event says, in a few words, and its colour. */
import type { Event, Json } from '../api/types'

const COLOURS: { [kind: string]: string } = {
  execution_completed: '--ax-completed',
  execution_failed: '--ax-failed',
  execution_cancelled: '--ax-cancelled',
  execution_requeued: '--ax-failed',
  node_started: '--ax-running',
  node_child_started: '--ax-running',
  node_completed: '--ax-completed',
  node_failed: '--ax-failed',
  node_timed_out: '--ax-failed',
  node_lost: '--ax-failed',
  node_in_doubt: '--ax-paused-hitl',
  edge_taken: '--ax-completed',
  gate_failed: '--ax-failed',
  compensation_failed: '--ax-failed',
  compensation_lost: '--ax-failed',
  pause_rejected: '--ax-failed',
}

const FAMILIES: { [family: string]: string } = {
  gate: '--ax-waiting-on-gate',
  pause: '--ax-paused-hitl',
  debug: '--ax-debug-paused',
  compensation: '--ax-compensating',
}

export function colourOfKind(kind: string): string {
  return COLOURS[kind] ?? FAMILIES[kind.slice(0, kind.indexOf('_'))] ?? '--ax-queued'
}

/** Names that are told in words of their own, or only when the event is opened. */
const SILENT = new Set(['traceback', 'attributes', 'payload', 'pause_id', 'from', 'to', 'level'])
const SUMMARY_CHARS = 240

export function summary(event: Event): string {
  const { detail } = event
  const parts: string[] = []
  if (event.attempt !== null && event.kind !== 'node_log') parts.push(`attempt ${event.attempt}`)
  if (typeof detail.from === 'string') parts.push(`${detail.from} → ${String(detail.to)}`)
  if (typeof detail.level === 'string') parts.push(detail.level)
  for (const [name, value] of Object.entries(detail)) {
    if (SILENT.has(name) || value === null || value === '') continue
    parts.push(name === 'message' ? inWords(value) : `${name} ${inWords(value)}`)
  }
  if (detail.attributes !== undefined) parts.push(attributes(detail.attributes))
  return parts.filter(Boolean).join(' · ').slice(0, SUMMARY_CHARS)
}

function inWords(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function attributes(value: Json): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return ''
  return Object.entries(value)
    .map(([name, given]) => `${name}=${inWords(given)}`)
    .join(' ')
}
