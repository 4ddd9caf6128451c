import { type RefObject, useCallback, useEffect, useLayoutEffect, useState } from 'react'
import { flushSync } from 'react-dom'

export const ROW_PX = 40
export const HEAD_PX = 36
const OVERSCAN_ROWS = 12
/** The rows that are drawn change in steps of so many: fewer renderings while somebody scrolls. */
const STEP_ROWS = 4
/** Who has jumped and rests for so long may scroll from there: now rows beyond the view are drawn. */
const REST_MS = 120

/** From one row up to, not with, another. */
export interface Range {
  start: number
  end: number
}

/** The rows to draw for a list that is scrolled to `top` and `height` high, some of them beyond it. */
export function rangeOf(top: number, height: number, count: number, beyond = OVERSCAN_ROWS): Range {
  const first = Math.floor(Math.max(0, top) / ROW_PX / STEP_ROWS) * STEP_ROWS
  const visible = Math.ceil(height / ROW_PX) + STEP_ROWS
  const start = Math.min(Math.max(0, first - beyond), Math.max(0, count - visible))
  return { start, end: Math.min(count, first + visible + beyond) }
}

/**
 * The rows to draw: those in view, and the one that Tab comes to wherever it is. A row that has the
 * focus and is drawn no more would take it away, and the next key would be heard by nobody.
 */
export function drawn({ start, end }: Range, current: number, count: number): number[] {
  const inView = Array.from({ length: Math.max(0, end - start) }, (_, step) => start + step)
  if (current >= count || (current >= start && current < end)) return inView
  return current < start ? [current, ...inView] : [...inView, current]
}

interface Place {
  top: number
  height: number
  /** Whether nothing that was drawn is in view any more: then only what is in view is drawn. */
  jumped: boolean
}

/** Where the list is now; the same object if that changes nothing that is drawn. */
export function placeAt(before: Place, top: number, height: number): Place {
  const [was, is] = [
    rangeOf(before.top, before.height, Number.MAX_SAFE_INTEGER, 0),
    rangeOf(top, height, Number.MAX_SAFE_INTEGER, 0),
  ]
  if (height === before.height && was.start === is.start) return before
  return { top, height, jumped: is.start >= was.end || is.end <= was.start }
}

/**
 * Which rows are drawn. All are equally high, so that where one is follows from its number: a list
 * of 100,000 costs no more than one of a hundred.
 */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number, initial: number) {
  const [place, setPlace] = useState<Place>({
    top: initial,
    height: window.innerHeight,
    jumped: false,
  })
  const look = useCallback(() => {
    const element = scroller.current
    if (!element) return
    const { scrollTop: top, clientHeight: height } = element
    setPlace((before) => placeAt(before, top, height))
  }, [scroller])
  useEffect(() => {
    if (!place.jumped) return
    const timer = setTimeout(() => setPlace({ ...place, jumped: false }), REST_MS)
    return () => clearTimeout(timer)
  }, [place])
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    if (initial > 0) element.scrollTop = initial
    const observer = new ResizeObserver(look)
    observer.observe(element)
    // At once, or the browser shows rows that are not drawn yet.
    const onScroll = () => flushSync(look)
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', onScroll)
    }
  }, [scroller, look, initial])

  const scrollTo = (index: number) => {
    const element = scroller.current
    if (!element) return
    const top = index * ROW_PX
    const bottom = top + ROW_PX + HEAD_PX - element.clientHeight
    if (element.scrollTop > top) element.scrollTop = top
    else if (element.scrollTop < bottom) element.scrollTop = bottom
  }
  const beyond = place.jumped ? 0 : OVERSCAN_ROWS
  return { range: rangeOf(place.top, place.height, count, beyond), look, scrollTo }
}
