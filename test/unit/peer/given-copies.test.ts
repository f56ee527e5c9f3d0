import { describe, expect, test } from 'bun:test'
import { allocate } from '../../../core/allocator/allocation.ts'
import { GivenCopies } from '../../../core/peer/given-copies.ts'

/** Peers that tell of their room at the times that are set here. */
function setUp(...peers: string[]) {
  const toldAt = new Map(peers.map((peer) => [peer, 1n]))
  const copies = new GivenCopies((peer) => toldAt.get(peer))
  return { toldAt, copies, counted: () => Object.fromEntries(copies.counts()) }
}

describe('copies that were given out', () => {
  test('count until each peer that was given some has told of itself', () => {
    const { toldAt, copies, counted } = setUp('a', 'b', 'c')
    copies.add(['a', 'b'])
    copies.add(['a'])
    expect(counted()).toEqual({ a: 2, b: 1 })
    toldAt.set('a', 2n)
    expect(counted()).toEqual({ a: 2, b: 1 })
    copies.add(['a'])
    toldAt.set('b', 3n)
    expect(counted()).toEqual({})
  })
  test('are not waited for with a peer that tells nothing any more', () => {
    const { toldAt, copies, counted } = setUp('a', 'b')
    copies.add(['a', 'b'])
    toldAt.set('a', 2n)
    toldAt.delete('b')
    expect(counted()).toEqual({})
  })
  test('count no more when a newer metric looks older', () => {
    const { toldAt, copies, counted } = setUp('a')
    copies.add(['a'])
    toldAt.set('a', 0n)
    expect(counted()).toEqual({})
  })
  test('are shared by equal peers to one copy for each time that all have told, however they take turns to tell', () => {
    const { toldAt, copies } = setUp('a', 'b')
    const weight = { value: '1', weight: 1000, partitionable: false }
    const metrics = new Map([['freespace', new Map([...toldAt.keys()].map((peer) => [peer, weight]))]])
    const names = { allocateBy: ['freespace'], metrics }
    const total = { a: 0, b: 0 }
    const give = (pins: number) => {
      for (let pin = 0; pin < pins; pin++) {
        const nobody = { current: [], preferred: [], excluded: new Set<string>(), alive: new Set<string>() }
        const [peer] = allocate({ min: 1, max: 1, ...nobody, ...names, given: copies.counts() })
        copies.add([peer!])
        total[peer as 'a' | 'b'] += 1
      }
    }
    give(101)
    toldAt.set('a', 2n)
    give(101)
    toldAt.set('a', 3n)
    give(101)
    expect(Math.abs(total.a - total.b)).toBeLessThanOrEqual(1)
    toldAt.set('b', 4n)
    give(101)
    expect(Math.abs(total.a - total.b)).toBeLessThanOrEqual(2)
  })
})
