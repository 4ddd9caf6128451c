/** How each state of a placement looks: its colour's name, an icon, and words. */
import {
  Ban,
  Bug,
  Check,
  CircleDashed,
  CircleHelp,
  CirclePause,
  CircleSlash2,
  Clock,
  LoaderCircle,
  type LucideIcon,
  RotateCw,
  Timer,
  TriangleAlert,
  Undo2,
  Unplug,
} from 'lucide-react'
import type { NodeStatus } from '../replay/types'

export interface Look {
  /** `--ax-…`; null for what nothing has happened to. */
  colour: string | null
  icon: LucideIcon
  words: string
}

export const LOOKS: Record<NodeStatus, Look> = {
  idle: { colour: null, icon: CircleDashed, words: 'Not reached' },
  due: { colour: '--ax-queued', icon: Clock, words: 'Due' },
  running: { colour: '--ax-running', icon: LoaderCircle, words: 'Running' },
  retrying: { colour: '--ax-failed', icon: RotateCw, words: 'Waiting for a retry' },
  waiting: { colour: '--ax-waiting-on-gate', icon: Timer, words: 'Waiting for arms' },
  paused: { colour: '--ax-paused-hitl', icon: CirclePause, words: 'Paused for a person' },
  held: { colour: '--ax-debug-paused', icon: Bug, words: 'Held by the debugger' },
  doubt: { colour: '--ax-paused-hitl', icon: CircleHelp, words: 'In doubt' },
  lost: { colour: '--ax-failed', icon: Unplug, words: 'Worker lost, runs again' },
  undoing: { colour: '--ax-compensating', icon: LoaderCircle, words: 'Being undone' },
  completed: { colour: '--ax-completed', icon: Check, words: 'Completed' },
  undone: { colour: '--ax-compensating', icon: Undo2, words: 'Undone' },
  kept: { colour: '--ax-failed', icon: TriangleAlert, words: 'Could not be undone' },
  failed: { colour: '--ax-failed', icon: TriangleAlert, words: 'Failed' },
  stopped: { colour: '--ax-cancelled', icon: Ban, words: 'Stopped' },
  not_taken: { colour: null, icon: CircleSlash2, words: 'Not taken' },
}

export function lineOf(status: NodeStatus): string {
  const { colour } = LOOKS[status]
  return colour === null
    ? 'color-mix(in srgb, var(--ax-dim) 55%, var(--ax-line))'
    : `var(${colour})`
}

/** `acme.shop.Order` as `Order`. */
export function shortType(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
