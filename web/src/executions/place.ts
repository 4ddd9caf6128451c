const KEPT_MAX = 50

const tops = new Map<string, number>()

/** How far an entry of the browser's history was scrolled: who goes back comes back to there. */
export function placeOf(entry: string): { initial: number; keep: (top: number) => void } {
  return {
    initial: tops.get(entry) ?? 0,
    keep: (top) => {
      tops.delete(entry)
      tops.set(entry, top)
      const oldest = tops.keys().next().value
      if (tops.size > KEPT_MAX && oldest !== undefined) tops.delete(oldest)
    },
  }
}
