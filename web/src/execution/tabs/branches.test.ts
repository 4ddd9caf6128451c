import { describe, expect, it } from 'vitest'
import type { Branch } from '../../api/types'
import { rounds } from './branches'

const gate = (position: string) => ({ position }) as Branch

describe('branches', () => {
  it('groups gates by iteration, earliest first, in the order of the server', () => {
    const found = rounds([gate('merge#2'), gate('merge'), gate('join'), gate('join#2[3]')])
    expect(found.map((round) => round.iteration)).toEqual([1, 2])
    expect(found[0]?.branches.map((branch) => branch.position)).toEqual(['merge', 'join'])
    expect(found[1]?.branches.map((branch) => branch.position)).toEqual(['merge#2', 'join#2[3]'])
  })
})
