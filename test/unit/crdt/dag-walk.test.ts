import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { compareCids, encodeBlock } from '../../../core/crdt/dag-node.ts'
import { DagWalk, type DagWalkInit, type GivenUp } from '../../../core/crdt/dag-walk.ts'
import { MAX_TRIES } from '../../../core/crdt/limits.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { chain, putBlock } from '../../support/crdt-blocks.ts'

/** A walk with what it merged; the caller's side of it. */
class Walker {
  readonly merged = new Set<string>()
  readonly walk: DagWalk

  constructor(limits: Partial<DagWalkInit> = {}) {
    this.walk = new DagWalk({ isMerged: (cid) => this.merged.has(cid.toString()), ...limits })
  }

  /** Delivers a block; returns whether it is to be parked. */
  deliver(block: DagBlock, from = 'peer-b'): boolean {
    return this.walk.received(block.cid, block.bytes, from).park
  }

  /** Merges all that is ready, in batches; returns it in order. */
  mergeReady(batch = 2): string[] {
    const order: string[] = []
    for (let cids = this.walk.takeReady(batch); cids.length > 0; cids = this.walk.takeReady(batch)) {
      for (const cid of cids) this.merged.add(cid.toString())
      this.walk.merged(cids)
      order.push(...cids.map(String))
    }
    return order
  }
}

function names(blocks: { cid: CID }[]): string[] {
  return blocks.map(({ cid }) => cid.toString())
}

describe('a walk', () => {
  test('goes from the head to the root and merges the root first', () => {
    const [one, two, three] = chain(3) as [DagBlock, DagBlock, DagBlock]
    const { walk, ...walker } = pick(new Walker())
    expect(walk.announce([three.cid], 'peer-a')).toEqual([])
    expect(walk.takeWants().map(String)).toEqual(names([three]))
    expect(walk.takeWants()).toEqual([])
    for (const block of [three, two]) {
      expect(walker.deliver(block)).toBe(true)
      expect(walk.takeReady(10)).toEqual([])
    }
    walk.takeWants()
    expect(walker.deliver(one)).toBe(true)
    expect(walker.mergeReady()).toEqual(names([one, two, three]))
    expect(walk.size).toBe(0)
  })

  test('stops at what is merged already', () => {
    const [one, two] = chain(2) as [DagBlock, DagBlock]
    const { walk, merged, ...walker } = pick(new Walker())
    merged.add(one.cid.toString())
    walk.announce([one.cid, two.cid], 'peer-a')
    expect(walk.takeWants().map(String)).toEqual(names([two]))
    walker.deliver(two)
    expect(walk.takeWants()).toEqual([])
    expect(walker.mergeReady()).toEqual(names([two]))
  })

  test('asks for a block once, however many link to it or announce it', () => {
    const root = putBlock('/r', '', 1)
    const left = putBlock('/l', '', 2, [root.cid])
    const right = putBlock('/x', '', 2, [root.cid])
    const top = putBlock('/t', '', 3, [left.cid, right.cid])
    const { walk, ...walker } = pick(new Walker())
    walk.announce([top.cid, top.cid], 'peer-a')
    walk.announce([top.cid, left.cid], 'peer-c')
    const asked: string[] = []
    for (let wants = walk.takeWants(); wants.length > 0; wants = walk.takeWants()) {
      for (const cid of wants) {
        asked.push(cid.toString())
        walker.deliver([root, left, right, top].find((block) => block.cid.equals(cid))!)
      }
    }
    expect(asked.toSorted()).toEqual(names([root, left, right, top]).toSorted())
    const order = walker.mergeReady()
    expect(order[0]).toBe(root.cid.toString())
    expect(order[3]).toBe(top.cid.toString())
  })

  test('asks for the newest first, and for no more than it may at a time', () => {
    const roots = Array.from({ length: 5 }, (_, i) => putBlock(`/${i}`, '', 1).cid)
    const old = putBlock('/old', '', 3, roots.slice(0, 2))
    const young = putBlock('/young', '', 9, roots.slice(2))
    const { walk, ...walker } = pick(new Walker({ maxWants: 2 }))
    walk.announce([old.cid, young.cid], 'peer-a')
    expect(walk.takeWants()).toHaveLength(2)
    walker.deliver(old)
    walker.deliver(young)
    const wants = walk.takeWants()
    const youngRoots = roots.slice(2).toSorted(compareCids)
    expect(wants.map(String)).toEqual(youngRoots.slice(0, 2).map(String))
    expect(walk.takeWants()).toEqual([])
    walk.failed(wants[0]!)
    expect(walk.takeWants().map(String)).toEqual([String(youngRoots[2])])
  })

  test('passes over blocks that it did not ask for, and those that come again', () => {
    const [one, two] = chain(2) as [DagBlock, DagBlock]
    const { walk, ...walker } = pick(new Walker())
    expect(walker.deliver(one)).toBe(false)
    walk.announce([two.cid], 'peer-a')
    expect(walker.deliver(two)).toBe(true)
    expect(walker.deliver(two)).toBe(false)
    walker.deliver(one)
    expect(walker.deliver(one)).toBe(false)
    expect(walker.mergeReady()).toEqual(names([one, two]))
    expect(walker.deliver(one)).toBe(false)
    expect(walk.takeWants()).toEqual([])
  })

  test('asks again for what failed when it is told to, not before', () => {
    const [one, two] = chain(2) as [DagBlock, DagBlock]
    const { walk, ...walker } = pick(new Walker())
    walk.announce([two.cid], 'peer-a')
    walk.takeWants()
    walker.deliver(two)
    walk.takeWants()
    walk.failed(one.cid)
    walk.announce([two.cid], 'peer-a')
    expect(walk.takeWants()).toEqual([])
    expect(walk.failedCount).toBe(1)
    walk.retryFailed()
    expect(walk.takeWants().map(String)).toEqual(names([one]))
    walker.deliver(one)
    expect(walker.mergeReady()).toEqual(names([one, two]))
  })

  describe('that asks in vain', () => {
    /** Asks for a block until it is given up, or this many times; returns how often, and what was given up. */
    const askInVain = (
      walk: DagWalk,
      { cid }: { cid: CID },
      most: number,
    ): Partial<GivenUp> & { tries: number } => {
      for (let tries = 1; tries <= most; tries++) {
        expect(walk.takeWants().map(String)).toEqual([String(cid)])
        walk.failed(cid)
        const [givenUp] = walk.retryFailed()
        if (givenUp !== undefined) return { tries, ...givenUp }
      }
      return { tries: most }
    }

    test('gives up a head that nobody announces any more, and takes it when it is announced again', () => {
      const [one] = chain(1) as [DagBlock]
      const { walk, ...walker } = pick(new Walker())
      walk.announce([one.cid], 'peer-a')
      askInVain(walk, one, MAX_TRIES - 1)
      walk.announce([one.cid], 'peer-a')
      expect(askInVain(walk, one, 2 * MAX_TRIES)).toEqual({
        tries: MAX_TRIES + 1,
        cids: [one.cid],
        reason: `block ${one.cid}, announced by peer-a, could not be had 120 times`,
      })
      expect(walk.size).toBe(0)
      walk.announce([one.cid], 'peer-c')
      expect(walk.takeWants()).toHaveLength(1)
      expect(walker.deliver(one)).toBe(true)
      expect(walker.mergeReady()).toEqual(names([one]))
    })

    test('gives up all that builds on it as well, and nothing else', () => {
      const [one, two, three] = chain(3) as [DagBlock, DagBlock, DagBlock]
      const other = putBlock('/o', '', 1)
      const { walk, ...walker } = pick(new Walker())
      walk.announce([three.cid], 'peer-a')
      walk.takeWants()
      for (const block of [three, two]) walker.deliver(block)
      walk.takeWants()
      walk.failed(one.cid)
      walk.announce([other.cid], 'peer-b')
      walk.takeWants()
      walker.deliver(other)
      walk.retryFailed()
      expect(
        askInVain(walk, one, 2 * MAX_TRIES)
          .cids?.map(String)
          .toSorted(),
      ).toEqual(names([one, two, three]).toSorted())
      expect(walker.mergeReady()).toEqual(names([other]))
      expect(walk.size).toBe(0)
    })

    test('does not give up while somebody announces what builds on it', () => {
      const [one, two] = chain(2) as [DagBlock, DagBlock]
      const { walk, ...walker } = pick(new Walker())
      walk.announce([two.cid], 'peer-a')
      walk.takeWants()
      walker.deliver(two)
      for (let turn = 0; turn < 10; turn++) {
        expect(askInVain(walk, one, MAX_TRIES - 1)).toEqual({ tries: MAX_TRIES - 1 })
        walk.announce([two.cid], 'peer-a')
      }
      walk.takeWants()
      walker.deliver(one)
      expect(walker.mergeReady()).toEqual(names([one, two]))
    })
  })

  test('takes a block that comes late, after it failed', () => {
    const [one] = chain(1) as [DagBlock]
    const { walk, ...walker } = pick(new Walker())
    walk.announce([one.cid], 'peer-a')
    walk.takeWants()
    walk.failed(one.cid)
    expect(walker.deliver(one)).toBe(true)
    walk.retryFailed()
    expect(walk.takeWants()).toEqual([])
    expect(walker.mergeReady()).toEqual(names([one]))
  })

  test('refuses bytes with another hash, names who sent them, and can ask another peer', () => {
    const [one, two] = chain(2) as [DagBlock, DagBlock]
    const { walk, ...walker } = pick(new Walker())
    walk.announce([one.cid], 'peer-a')
    walk.takeWants()
    const { park, refused } = walk.received(one.cid, two.bytes, 'peer-b')
    expect(park).toBe(false)
    expect(refused).toHaveLength(1)
    expect(refused[0]).toMatchObject({ final: false })
    expect(refused[0]?.reason).toBe(
      `block ${one.cid}, announced by peer-a, delivered by peer-b: block ${one.cid}: the bytes have another hash`,
    )
    walk.retryFailed()
    expect(walk.takeWants().map(String)).toEqual(names([one]))
    expect(walker.deliver(one)).toBe(true)
  })

  test('refuses an unreadable block for good, with all that builds on it, and keeps the rest', () => {
    const broken = encodeBlock(Uint8Array.of(0xff), [])
    const good = putBlock('/g', '', 1)
    const above = putBlock('/a', '', 2, [broken.cid, good.cid])
    const beside = putBlock('/b', '', 2, [broken.cid])
    const top = putBlock('/t', '', 3, [above.cid, beside.cid])
    const { walk, ...walker } = pick(new Walker())
    walk.announce([top.cid], 'peer-a')
    for (const block of [top, above, beside]) walker.deliver(block)
    const { refused } = walk.received(broken.cid, broken.bytes, 'peer-b')
    expect(names(refused).toSorted()).toEqual(names([broken, above, beside, top]).toSorted())
    expect(refused.every(({ final }) => final)).toBe(true)
    expect(refused[0]?.reason).toContain('announced by peer-a, delivered by peer-b: ')
    expect(refused[1]?.reason).toEndWith(`it builds on ${broken.cid}`)

    expect(walk.announce([top.cid], 'peer-c')[0]?.reason).toBe(
      `head ${top.cid}, announced by peer-c: it was refused before`,
    )
    const later = putBlock('/l', '', 4, [top.cid])
    walk.announce([later.cid], 'peer-a')
    expect(names(walk.received(later.cid, later.bytes, 'peer-b').refused)).toEqual(names([later]))

    walker.deliver(good)
    expect(walker.mergeReady()).toEqual(names([good]))
    expect(walk.size).toBe(0)
  })

  test('refuses heads that are no blocks of a pinset', () => {
    const cid = CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')
    const [refused] = new Walker().walk.announce([cid], 'peer-a')
    expect(refused).toMatchObject({ final: true })
    expect(refused?.reason).toContain('dag-pb, CIDv1, sha2-256')
  })

  test('keeps track of no more blocks than it may', () => {
    const blocks = chain(5)
    const { walk, ...walker } = pick(new Walker({ maxBlocks: 3 }))
    walk.announce([blocks[4]!.cid], 'peer-a')
    for (const block of [blocks[4]!, blocks[3]!]) expect(walker.deliver(block)).toBe(true)
    const { park, refused } = walk.received(blocks[2]!.cid, blocks[2]!.bytes, 'peer-b')
    expect(park).toBe(false)
    expect(refused).toHaveLength(3)
    expect(refused.some(({ final }) => final)).toBe(false)
    expect(walk.size).toBe(0)

    const heads = Array.from({ length: 4 }, (_, i) => putBlock(`/${i}`, '', 1).cid)
    expect(walk.announce(heads, 'peer-a')).toHaveLength(1)
    expect(walk.size).toBe(3)
  })

  test('gives blocks that could not be merged first again, in their order', () => {
    const blocks = chain(4)
    const { walk, ...walker } = pick(new Walker())
    walk.announce([blocks[3]!.cid], 'peer-a')
    for (const block of blocks.toReversed()) walker.deliver(block)
    const taken = walk.takeReady(2)
    expect(taken.map(String)).toEqual(names(blocks.slice(0, 2)))
    walk.notMerged(taken)
    expect(walker.mergeReady(3)).toEqual(names(blocks))
  })

  test('lets a new block follow one that is being merged', () => {
    const [one, two] = chain(2) as [DagBlock, DagBlock]
    const { walk, ...walker } = pick(new Walker())
    walk.announce([one.cid], 'peer-a')
    walker.deliver(one)
    expect(walk.takeReady(1).map(String)).toEqual(names([one]))
    walk.announce([two.cid], 'peer-a')
    walker.deliver(two)
    walk.notMerged([one.cid])
    expect(walker.mergeReady()).toEqual(names([one, two]))
  })

  test('closes a long chain without deep recursion', () => {
    const blocks = chain(12_000)
    const { walk, ...walker } = pick(new Walker())
    walk.announce([blocks.at(-1)!.cid], 'peer-a')
    for (const block of blocks.toReversed()) walker.deliver(block)
    expect(walker.mergeReady(1000)).toEqual(names(blocks))
  })
})

/** The parts of a walker, bound, so that a test reads well. */
function pick(walker: Walker) {
  return {
    walk: walker.walk,
    merged: walker.merged,
    deliver: walker.deliver.bind(walker),
    mergeReady: walker.mergeReady.bind(walker),
  }
}
