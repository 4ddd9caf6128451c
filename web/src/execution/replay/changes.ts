import type { Change } from './types'

/** The last index whose time is not after `t`; -1 if there is none. */
export function lastUntil<T>(list: readonly T[], t: number, timeOf: (item: T) => number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = list[middle]
    if (item !== undefined && timeOf(item) <= t) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** What held at `t`. */
export function stateAt<T>(list: readonly Change<T>[], t: number): T | undefined {
  return list[lastUntil(list, t, (change) => change.t)]?.state
}

/** Note a change; of several at one time the last one counts. */
export function note<T>(list: Change<T>[], t: number, state: T): void {
  if (list.at(-1)?.t === t) list.pop()
  list.push({ t, state })
}
