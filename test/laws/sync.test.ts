import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type BlockHeader, readBlockHeader } from '../../core/network/sync/block-header.ts'
import { SyncClient } from '../../core/network/sync/client.ts'
import type { SessionStore } from '../../core/network/sync/client-session.ts'
import { keyOf, MissingWalk } from '../../core/network/sync/missing.ts'
import { SyncServer } from '../../core/network/sync/server.ts'
import type { DagBlock } from '../../core/runtime/store.ts'
import { deltaBlock } from '../support/crdt-blocks.ts'
import { MemoryPinset } from '../support/memory-pinset.ts'
import { streamPair } from '../support/stream-pair.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'

/** A block as a recipe: which earlier blocks it links to, and what it is filled with. */
const recipe = fc.record({ links: fc.array(fc.nat(), { maxLength: 3 }), size: fc.constantFrom(1, 40, 3_000) })
const recipes = (maxLength: number) => fc.array(recipe, { minLength: 1, maxLength })

/** Blocks, parents first; each as high as Go makes it. */
function history(of: { links: number[]; size: number }[]): DagBlock[] {
  const blocks: DagBlock[] = []
  const heights: number[] = []
  for (const [index, { links, size }] of of.entries()) {
    const parents =
      index === 0 ? [] : [...new Set(links.map((link) => index - 1 - (link % Math.min(index, 5))))]
    heights.push(1 + Math.max(0, ...parents.map((parent) => heights[parent]!)))
    const elements = [{ key: `/${index}`, value: new Uint8Array(size) }]
    const delta = { priority: BigInt(heights[index]!), elements, tombstones: [] }
    blocks.push(
      deltaBlock(
        delta,
        parents.map((parent) => blocks[parent]!.cid),
      ),
    )
  }
  return blocks
}

const digestOf = ({ cid }: DagBlock) => cid.multihash.digest

function reachable(from: DagBlock[], all: DagBlock[]): Set<string> {
  const byKey = new Map(all.map((block) => [keyOf(digestOf(block)), block]))
  const found = new Set<string>()
  const open = from.map((block) => keyOf(digestOf(block)))
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (found.has(key)) continue
    found.add(key)
    open.push(...readBlockHeader(byKey.get(key)!.bytes).parents.map(keyOf))
  }
  return found
}

function missingOf(
  wants: DagBlock[],
  haves: DagBlock[],
  read: (digest: Uint8Array) => BlockHeader,
): string[] {
  const walk = new MissingWalk(read)
  for (const have of haves) walk.have(digestOf(have))
  for (const want of wants) walk.want(digestOf(want))
  const missing: string[] = []
  for (let found = walk.step(); found !== 'done'; found = walk.step()) {
    if (found !== undefined) missing.push(keyOf(found))
  }
  return missing
}

describe('what is missing', () => {
  const cases = recipes(30).chain((of) => {
    const blocks = history(of)
    const some = fc.subarray(blocks)
    return fc.record({ blocks: fc.constant(blocks), wants: some, haves: some, heights: fc.array(fc.nat(5)) })
  })
  const headers = (blocks: DagBlock[]) =>
    new Map(blocks.map((b) => [keyOf(digestOf(b)), readBlockHeader(b.bytes)]))

  test('is all below the wanted blocks without all below those that are had, once each, children first', () => {
    fc.assert(
      fc.property(cases, ({ blocks, wants, haves }) => {
        const read = headers(blocks)
        const missing = missingOf(wants, haves, (digest) => read.get(keyOf(digest))!)
        const had = reachable(haves, blocks)
        const expected = [...reachable(wants, blocks)].filter((key) => !had.has(key))
        expect([...missing].sort()).toEqual(expected.sort())
        const place = new Map(missing.map((key, index) => [key, index]))
        for (const key of missing) {
          for (const parent of read.get(key)!.parents.map(keyOf)) {
            if (place.has(parent)) expect(place.get(parent)!).toBeGreaterThan(place.get(key)!)
          }
        }
      }),
    )
  })

  test('is complete, with each block also after its children, whatever heights ill peers gave their blocks', () => {
    fc.assert(
      fc.property(cases, ({ blocks, wants, haves, heights }) => {
        const read = headers(blocks)
        for (const [index, block] of blocks.entries()) {
          read.get(keyOf(digestOf(block)))!.priority = heights[index % heights.length] ?? 0
        }
        const missing = missingOf(wants, haves, (digest) => read.get(keyOf(digest))!)
        const had = reachable(haves, blocks)
        const listed = new Set(missing)
        for (const key of reachable(wants, blocks)) expect(had.has(key) || listed.has(key)).toBe(true)
        const merged = new Set(had)
        for (const key of missing.toReversed()) {
          for (const parent of read.get(key)!.parents) expect(merged.has(keyOf(parent))).toBe(true)
          merged.add(key)
        }
      }),
    )
  })
})

describe('a session of sync', () => {
  const pairs = fc.record({
    common: recipes(60),
    theirs: fc.nat(150),
    ours: fc.nat(150),
    piece: fc.constantFrom(1, 7, 1_000, 65_536),
    cuts: fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 3 }),
    asks: fc.constantFrom('all', 'heads'),
  })

  test('brings all that the other side has, parents first, also in pieces and after the connection was lost', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async ({ common, theirs, ours, piece, cuts, asks }) => {
        const before = history(common)
        const holder = pinsetOf([...before, ...onTopOf(before, theirs, 'theirs')])
        const newcomer = pinsetOf([...before, ...onTopOf(before, ours, 'ours')])
        const heads = asks === 'all' ? [] : holder.heads.list().map(({ cid }) => cid)
        const server = new SyncServer({ store: storeOf(holder), runtime: quietRuntime() })
        // The connection is lost a few times, and then holds.
        for (const cutAfter of [...cuts, Number.POSITIVE_INFINITY]) {
          const client = new SyncClient({
            store: storeOf(newcomer),
            speaks: () => true,
            scheduler: quietRuntime().scheduler,
            async open() {
              const [near, far] = streamPair({ piece, cutAfter })
              void server.serve(far, 'the newcomer')
              return near
            },
          })
          const session = client.fetch('the holder', heads, new AbortController().signal)
          try {
            for await (const { blocks } of session) mergeInOrder(newcomer, blocks)
          } catch (error) {
            expect(cutAfter).toBeLessThan(Number.POSITIVE_INFINITY)
            expect(String(error)).toContain('the connection is lost')
          }
        }
        for (const id of holder.blocks.keys()) expect(newcomer.blocks.has(id)).toBe(true)
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})

/** A chain of one peer's own blocks on top of a history. */
function onTopOf(before: DagBlock[], count: number, name: string): DagBlock[] {
  const blocks: DagBlock[] = []
  for (let index = 0; index < count; index++) {
    const parent = blocks.at(-1) ?? before.at(-1)!
    const priority = BigInt(readBlockHeader(parent.bytes).priority + 1)
    const elements = [{ key: `/${name}${index}`, value: new Uint8Array(index) }]
    blocks.push(deltaBlock({ priority, elements, tombstones: [] }, [parent.cid]))
  }
  return blocks
}

function pinsetOf(blocks: DagBlock[]): MemoryPinset {
  const pinset = new MemoryPinset()
  for (const block of blocks) pinset.merge(block)
  return pinset
}

function mergeInOrder(pinset: MemoryPinset, blocks: DagBlock[]): void {
  for (const block of blocks) {
    for (const parent of readBlockHeader(block.bytes).parents) expect(hasDigest(pinset, parent)).toBe(true)
    pinset.merge(block)
  }
}

function hasDigest(pinset: MemoryPinset, digest: Uint8Array): boolean {
  return [...pinset.blocks.values()].some(({ cid }) => Buffer.compare(cid.multihash.digest, digest) === 0)
}

function storeOf(pinset: MemoryPinset): SessionStore {
  const byKey = (digest: Uint8Array) =>
    [...pinset.blocks.values()].find(({ cid }) => Buffer.compare(cid.multihash.digest, digest) === 0)
  return {
    heads: () => pinset.heads.list(),
    block: (cid) => byKey(cid.multihash.digest)?.bytes,
    hasBlock: (cid) => pinset.isMerged(cid),
  }
}
