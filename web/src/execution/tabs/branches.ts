/** Gates by the iteration in which they were filled. */
import type { Branch } from '../../api/types'
import { parsePosition } from '../replay/position'

export interface Round {
  iteration: number
  branches: Branch[]
}

/** Rounds in their order; within one, gates as the server tells them. */
export function rounds(branches: readonly Branch[]): Round[] {
  const found = new Map<number, Branch[]>()
  for (const branch of branches) {
    const { iteration } = parsePosition(branch.position)
    found.set(iteration, [...(found.get(iteration) ?? []), branch])
  }
  return [...found.entries()]
    .sort(([one], [other]) => one - other)
    .map(([iteration, inRound]) => ({ iteration, branches: inRound }))
}
