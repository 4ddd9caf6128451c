import { useSyncExternalStore } from 'react'

/** Whether the server can be reached, as of the last request. */
class Reach {
  private lost = false
  private readonly listeners = new Set<() => void>()

  readonly answered = () => this.change(false)
  readonly missed = () => this.change(true)
  readonly isLost = () => this.lost
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  private change(lost: boolean): void {
    if (lost === this.lost) return
    this.lost = lost
    for (const listener of this.listeners) listener()
  }
}

export const reach = new Reach()

export function useServerLost(): boolean {
  return useSyncExternalStore(reach.subscribe, reach.isLost)
}
