/**
 * A time axis that folds long waits. A pause of three hours between two calls of 80 ms would leave
 * nothing to see: what is idle for long gets a fixed, small share of the width instead.
 */
import type { Span } from './types'

interface Piece {
  start: number
  end: number
  /** Where it begins, and how wide it is, of the whole. */
  from: number
  share: number
  folded: boolean
}

export interface Axis {
  length: number
  pieces: readonly Piece[]
  /** From time to place, 0 to 1. */
  place: (t: number) => number
  /** From place to time. */
  time: (place: number) => number
}

const IDLE_LEAST_MS = 1_000
const FOLDED_SHARE = 0.06

/** The times, longest first kept in order, in which nothing was in flight. */
export function idleSpans(busy: readonly Span[], length: number): { start: number; end: number }[] {
  const idle: { start: number; end: number }[] = []
  let from = 0
  for (const span of busy) {
    if (span.start > from) idle.push({ start: from, end: span.start })
    from = Math.max(from, span.end ?? length)
  }
  if (length > from) idle.push({ start: from, end: length })
  return idle
}

export function makeAxis(busy: readonly Span[], length: number): Axis {
  const whole = Math.max(length, 1)
  const idle = idleSpans(busy, whole)
  const work = whole - idle.reduce((sum, span) => sum + span.end - span.start, 0)
  // Folded only where it would take more room than all of the work does.
  const least = Math.max(IDLE_LEAST_MS, work * 0.8)
  const folds = work > 0 ? idle.filter((span) => span.end - span.start > least) : []
  const pieces = shared(cut(folds, whole))
  return { length: whole, pieces, place: placer(pieces), time: timer(pieces) }
}

function cut(folds: readonly { start: number; end: number }[], length: number): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  const add = (start: number, end: number, folded: boolean) => {
    if (end > start) pieces.push({ start, end, from: 0, share: 0, folded })
  }
  for (const fold of folds) {
    add(from, fold.start, false)
    add(fold.start, fold.end, true)
    from = fold.end
  }
  add(from, length, false)
  return pieces
}

function shared(pieces: Piece[]): Piece[] {
  const folded = pieces.filter((piece) => piece.folded).length
  const open = pieces.filter((piece) => !piece.folded)
  const time = open.reduce((sum, piece) => sum + piece.end - piece.start, 0)
  const each = folded ? Math.min(FOLDED_SHARE * 2, 0.5 / folded) : 0
  const rest = 1 - each * folded
  let from = 0
  return pieces.map((piece) => {
    const share = piece.folded ? each : (rest * (piece.end - piece.start)) / time
    const made = { ...piece, from, share }
    from += share
    return made
  })
}

function placer(pieces: readonly Piece[]): (t: number) => number {
  return (t) => {
    for (const piece of pieces)
      if (t <= piece.end)
        return piece.from + (piece.share * Math.max(0, t - piece.start)) / (piece.end - piece.start)
    return 1
  }
}

function timer(pieces: readonly Piece[]): (place: number) => number {
  return (place) => {
    for (const piece of pieces)
      if (place <= piece.from + piece.share)
        return piece.start + ((place - piece.from) / piece.share) * (piece.end - piece.start)
    return pieces.at(-1)?.end ?? 0
  }
}

export interface Tick {
  t: number
  place: number
}

/** Round times about `count` to the whole width, none within a fold. */
export function ticks(axis: Axis, count: number): Tick[] {
  const open = axis.pieces.filter((piece) => !piece.folded)
  const width = open.reduce((sum, piece) => sum + piece.share, 0)
  const time = open.reduce((sum, piece) => sum + piece.end - piece.start, 0)
  const step = roundStep(time / Math.max(1, count * width))
  const made: Tick[] = []
  for (const piece of open)
    for (let t = Math.ceil(piece.start / step) * step; t <= piece.end; t += step)
      made.push({ t, place: axis.place(t) })
  return made
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5]
const LONG_STEPS = [6e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5]

function roundStep(wanted: number): number {
  const found = [...STEPS, ...LONG_STEPS].find((step) => step >= wanted)
  return found ?? Math.ceil(wanted / 864e5) * 864e5
}
