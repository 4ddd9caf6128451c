/** The completed node visits that a history tells of. Their messages are asked for one by one. */
import type { Artifact, Event, Json } from '../../api/types'

/** From so many bytes on, what was recorded is shown only when somebody asks for it. */
export const LARGE_BYTES = 64 * 1024

export interface CheckpointRow {
  seq: number
  placement: string
  position: string
  attempt: number
  /** Of the output, by full name. */
  message: string
  completedAt: string
  durationMs: number | null
  outputBytes: number | null
  frames: number | null
  /** The execution that did it in the place of a node, if one did. */
  child: string | null
  /** Whether what went in, by the outputs that came here, or what came out is large. */
  isLarge: boolean
}

const number = (value: Json | undefined) => (typeof value === 'number' ? value : null)
const text = (value: Json | undefined) => (typeof value === 'string' ? value : null)

export function checkpointRows(artifact: Artifact, events: readonly Event[]): CheckpointRow[] {
  const messages = new Map(artifact.nodes.map((node) => [node.alias, node.output]))
  const reading = new Reading(messages)
  for (const event of events) reading.see(event)
  return reading.rows
}

class Reading {
  readonly rows: CheckpointRow[] = []
  private readonly started = new Map<string, string>()
  private readonly children = new Map<string, string>()
  /** Bytes of the last output of each placement, and of what has been passed on to one. */
  private readonly made = new Map<string, number>()
  private readonly given = new Map<string, number>()

  constructor(private readonly messages: ReadonlyMap<string, string>) {}

  see(event: Event): void {
    const { kind, placement, position } = event
    if (placement === null || position === null) return
    if (kind === 'node_started' && !this.started.has(position)) this.started.set(position, event.at)
    else if (kind === 'node_child_started') this.seeChild(event, position)
    else if (kind === 'edge_taken') this.passOn(text(event.detail.from), text(event.detail.to))
    else if (kind === 'node_completed') this.complete(event, placement, position)
  }

  private seeChild(event: Event, position: string): void {
    if (!this.started.has(position)) this.started.set(position, event.at)
    const child = text(event.detail.execution_id)
    if (child !== null) this.children.set(position, child)
  }

  private passOn(from: string | null, to: string | null): void {
    if (from === null || to === null) return
    this.given.set(to, (this.given.get(to) ?? 0) + (this.made.get(from) ?? 0))
  }

  private complete(event: Event, placement: string, position: string): void {
    const outputBytes = number(event.detail.output_bytes)
    const began = this.started.get(position)
    const bytes = Math.max(outputBytes ?? 0, this.given.get(placement) ?? 0)
    this.rows.push({
      seq: event.seq,
      placement,
      position,
      attempt: event.attempt ?? 1,
      message: this.messages.get(placement) ?? '',
      completedAt: event.at,
      durationMs: began === undefined ? null : Date.parse(event.at) - Date.parse(began),
      outputBytes,
      frames: number(event.detail.frames),
      child: this.children.get(position) ?? null,
      isLarge: bytes >= LARGE_BYTES,
    })
    this.made.set(placement, outputBytes ?? 0)
    this.given.delete(placement)
    this.started.delete(position)
  }
}
