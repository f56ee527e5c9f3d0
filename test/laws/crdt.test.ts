import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { blockIdOf } from '../../core/crdt/block-id.ts'
import { decodeBroadcast, encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { PendingDelta } from '../../core/crdt/builder.ts'
import { decodeBlock, decodeTrustedBlock, encodeBlock } from '../../core/crdt/dag-node.ts'
import { DagWalk } from '../../core/crdt/dag-walk.ts'
import { type Delta, decodeDelta, encodeDelta } from '../../core/crdt/delta.ts'
import type { DagBlock } from '../../core/runtime/store.ts'
import { deltaBlock } from '../support/crdt-blocks.ts'
import { MemoryPinset } from '../support/memory-pinset.ts'

const keys = ['/a', '/b', '/c']
const keyArb = fc.constantFrom(...keys)
const valueArb = fc.uint8Array({ maxLength: 3, max: 2 })

/** A block as a recipe: which earlier blocks it links to and kills, and what it puts, also twice under one key. */
const recipe = fc.record({
  links: fc.array(fc.nat(), { maxLength: 3 }),
  priority: fc.bigInt(0n, 4n),
  elements: fc.array(fc.record({ key: keyArb, value: valueArb }), { maxLength: 4 }),
  kills: fc.array(fc.record({ key: keyArb, block: fc.nat() }), { maxLength: 4 }),
})

/** Blocks in an order in which parents come first; priorities say anything, as an ill peer could make them. */
const histories = fc.array(recipe, { minLength: 1, maxLength: 12 }).map((recipes) => {
  const blocks: DagBlock[] = []
  for (const { links, priority, elements, kills } of recipes) {
    const earlier = blocks.length
    const parents =
      earlier === 0 ? [] : [...new Set(links.map((n) => n % earlier))].map((n) => blocks[n]!.cid)
    const tombstones =
      earlier === 0
        ? []
        : kills.map(({ key, block }) => ({ key, blockId: blockIdOf(blocks[block % earlier]!.cid) }))
    blocks.push(deltaBlock({ priority, elements, tombstones }, parents))
  }
  return [...new Map(blocks.map((block) => [block.cid.toString(), block])).values()]
})

/** The same blocks in any order, some of them more than once, cut into groups. */
const shuffled = histories.chain((blocks) => {
  const again = fc.array(fc.constantFrom(...blocks), { maxLength: 6 })
  const order = again.chain((more) => {
    const all = [...blocks, ...more]
    return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
  })
  return fc.record({ blocks: fc.constant(blocks), order, groupSize: fc.integer({ min: 1, max: 8 }) })
})

function mergedInOrder(blocks: readonly DagBlock[]): MemoryPinset {
  const pinset = new MemoryPinset()
  for (const block of blocks) pinset.merge(block)
  return pinset
}

/** What the rules say, worked out without merging: all elements, all tombstones, the greatest that is left. */
function foldedByDefinition(blocks: readonly DagBlock[]): Map<string, string> {
  const read = blocks.map(({ cid, bytes }) => decodeTrustedBlock(cid, bytes))
  const dead = new Set(read.flatMap(({ delta }) => delta.tombstones.map(({ key, blockId }) => key + blockId)))
  const folded = new Map<string, string>()
  for (const key of keys) {
    const live = read.flatMap(({ id, delta }) => {
      const value = delta.elements.findLast((element) => element.key === key)?.value
      return value === undefined || dead.has(key + id) ? [] : [{ value, priority: delta.priority }]
    })
    live.sort((a, b) => Number(a.priority - b.priority) || Buffer.compare(a.value, b.value))
    const greatest = live.at(-1)
    if (greatest !== undefined) folded.set(key, greatest.value.join(','))
  }
  return folded
}

describe('merging', () => {
  test('the same blocks in any order, any number of times, in any grouping gives the same state and heads', () => {
    fc.assert(
      fc.property(shuffled, ({ blocks, order, groupSize }) => {
        const expected = mergedInOrder(blocks).fingerprint()
        const pinset = new MemoryPinset()
        for (let at = 0; at < order.length; at += groupSize) pinset.mergeAll(order.slice(at, at + groupSize))
        expect(pinset.fingerprint()).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  test('gives the values that the definition gives', () => {
    fc.assert(
      fc.property(shuffled, ({ blocks, order }) => {
        const values = [...mergedInOrder(order).values()].map(([key, value]) => [key, value.join(',')])
        expect(values).toEqual([...foldedByDefinition(blocks)])
      }),
      { numRuns: 400 },
    )
  })

  test('reports each change of a value once, from what it was to what it is', () => {
    fc.assert(
      fc.property(shuffled, ({ order, groupSize }) => {
        const pinset = new MemoryPinset()
        const seen = new Map<string, string>()
        for (let at = 0; at < order.length; at += groupSize) {
          const changes = pinset.mergeAll(order.slice(at, at + groupSize))
          expect(new Set(changes.map(({ key }) => key)).size).toBe(changes.length)
          for (const { key, before, after } of changes) {
            expect(before?.value.join(',') ?? 'none').toBe(seen.get(key) ?? 'none')
            expect(after?.value.join(',') ?? 'none').not.toBe(seen.get(key) ?? 'none')
            if (after === undefined) seen.delete(key)
            else seen.set(key, after.value.join(','))
          }
        }
        const values = [...pinset.values()].map(([key, value]) => [key, value.join(',')])
        expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(values))
      }),
      { numRuns: 300 },
    )
  })
})

type Operation = { kind: 'put'; key: string; value: Uint8Array } | { kind: 'remove'; key: string }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: keyArb, value: valueArb }),
  fc.record({ kind: fc.constant('remove' as const), key: keyArb }),
)

/** Applies operations to the pending delta of a replica. */
function collect(pinset: MemoryPinset, operations: readonly Operation[]): PendingDelta {
  const pending = new PendingDelta()
  for (const step of operations) {
    if (step.kind === 'put') expect(pending.put(step.key, step.value)).toBe(true)
    else expect(pending.remove(step.key, pinset.liveIds(step.key))).toEqual([])
  }
  return pending
}

function write(pinset: MemoryPinset, operations: readonly Operation[]): DagBlock | undefined {
  const pending = collect(pinset, operations)
  if (pending.isEmpty) return undefined
  const block = pinset.nextBlock((priority) => pending.encode(priority))
  pinset.merge(block)
  return block
}

describe('replicas', () => {
  const REPLICAS = 3
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(REPLICAS - 1),
      operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('sync' as const), from: fc.nat(REPLICAS - 1), to: fc.nat(REPLICAS - 1) }),
  )

  function sync(from: MemoryPinset, to: MemoryPinset): void {
    for (const block of from.blocks.values()) if (!to.isMerged(block.cid)) to.merge(block)
  }

  test('that write and receive in any interleaving converge, and each sees its own writes at once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const replicas = Array.from({ length: REPLICAS }, () => new MemoryPinset())
        for (const now of steps) {
          if (now.kind === 'sync') {
            sync(replicas[now.from]!, replicas[now.to]!)
            continue
          }
          const pinset = replicas[now.at]!
          write(pinset, now.operations)
          for (const key of keys) {
            const last = now.operations.findLast((done) => done.key === key)
            if (last?.kind === 'put') expect(pinset.values().get(key)).toEqual(last.value)
            if (last?.kind === 'remove') expect(pinset.values().has(key)).toBe(false)
          }
        }
        for (const from of replicas) for (const to of replicas) sync(from, to)
        for (const from of replicas) for (const to of replicas) sync(from, to)
        const [first, ...others] = replicas.map((pinset) => pinset.fingerprint())
        for (const other of others) expect(other).toEqual(first!)
        expect(new Set(first!.heads).size).toBe(first!.heads.length)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the next delta', () => {
  test('never has a key twice, never takes more bytes than it says, and does what the operations do one by one', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 8 }),
        fc.array(operation, { maxLength: 8 }),
        (before, batch) => {
          const together = new MemoryPinset()
          const oneByOne = new MemoryPinset()
          for (const pinset of [together, oneByOne]) for (const single of before) write(pinset, [single])

          const pending = collect(together, batch)
          const delta = pending.toDelta(together.heads.nextPriority())
          const put = delta.elements.map(({ key }) => key)
          expect(new Set(put).size).toBe(put.length)
          const killed = delta.tombstones.map(({ key, blockId }) => key + blockId)
          expect(new Set(killed).size).toBe(killed.length)
          expect(encodeDelta(delta).length).toBeLessThanOrEqual(pending.bytes)

          write(together, batch)
          for (const single of batch) write(oneByOne, [single])
          expect([...together.values()]).toEqual([...oneByOne.values()])
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a walk', () => {
  test('merges all of any history, parents first, whatever is lost, repeated and out of order', () => {
    const events = fc.infiniteStream(fc.record({ pick: fc.nat(), luck: fc.nat(9) }))
    fc.assert(
      fc.property(histories, events, fc.integer({ min: 1, max: 4 }), (blocks, stream, maxWants) => {
        const network = new Map(blocks.map((block) => [block.cid.toString(), block]))
        const pinset = new MemoryPinset()
        const walk = new DagWalk({ isMerged: (cid) => pinset.isMerged(cid), maxWants })
        const heads = mergedInOrder(blocks)
          .heads.list()
          .map(({ cid }) => cid)
        let inFlight: CID[] = []
        for (let round = 0; pinset.blocks.size < blocks.length; round++) {
          if (round > 2000) throw new Error('the walk does not come to its end')
          const { pick, luck } = stream.next().value
          walk.announce(heads, 'peer')
          walk.retryFailed()
          inFlight.push(...walk.takeWants())
          expect(inFlight.length).toBeLessThanOrEqual(maxWants)
          const cid = inFlight[pick % inFlight.length]
          if (cid !== undefined) {
            inFlight = inFlight.filter((other) => other !== cid)
            if (luck < 2) walk.failed(cid)
            else if (luck === 2) walk.received(cid, Uint8Array.of(1), 'liar')
            else
              for (let n = luck === 3 ? 2 : 1; n > 0; n--)
                walk.received(cid, network.get(`${cid}`)!.bytes, 'peer')
          }
          const ready = walk.takeReady(2)
          if (luck === 4) {
            walk.notMerged(ready)
            continue
          }
          for (const next of ready) {
            const block = network.get(next.toString())!
            for (const link of decodeTrustedBlock(next, block.bytes).links)
              expect(pinset.isMerged(link)).toBe(true)
            pinset.merge(block)
          }
          walk.merged(ready)
        }
        expect(walk.size).toBe(0)
        expect(pinset.fingerprint()).toEqual(mergedInOrder(blocks).fingerprint())
      }),
      { numRuns: 200 },
    )
  })
})

describe('the codecs', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `/${text.toWellFormed()}`)
  const ids = histories.map((blocks) => blockIdOf(blocks[0]!.cid))
  const deltas: fc.Arbitrary<Delta> = fc.record({
    priority: fc.bigInt(0n, 2n ** 63n - 1n),
    elements: fc.array(fc.record({ key: texts, value: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 5 }),
    tombstones: fc.array(fc.record({ key: texts, blockId: ids }), { maxLength: 5 }),
  })

  test('read what they wrote', () => {
    fc.assert(
      fc.property(deltas, histories, (delta, parents) => {
        expect(decodeDelta(encodeDelta(delta))).toEqual(delta)
        const links = parents.map(({ cid }) => cid)
        const { cid, bytes } = encodeBlock(encodeDelta(delta), links)
        const block = decodeBlock(cid, bytes)
        expect(block.delta).toEqual(delta)
        expect(block.links.map(String).toSorted()).toEqual(links.map(String).toSorted())
        const heads = encodeBroadcasts(links).flatMap((message) => decodeBroadcast(message))
        expect(heads.map(String)).toEqual(links.map(String))
      }),
      { numRuns: 100 },
    )
  })

  /** Bytes that mean nothing, and good messages with a few bytes changed. */
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(
        fc.oneof(
          deltas.map((delta) => encodeDelta(delta)),
          histories.map((blocks) => blocks.at(-1)!.bytes),
          histories.map((blocks) => encodeBroadcasts(blocks.map(({ cid }) => cid))[0]!),
        ),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
      )
      .map(([bytes, changes, cut]) => {
        const copy = Uint8Array.from(bytes)
        for (const [at, value] of changes) copy[at % Math.max(copy.length, 1)] = value
        return cut % 4 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy
      }),
  )

  function thrown(read: () => unknown): string | undefined {
    try {
      read()
    } catch (error) {
      return (error as Error).name
    }
    return undefined
  }

  test('throw nothing but their own errors, whatever the bytes', () => {
    const cid = CID.parse('bafybeict72vn65qhrzmae5xd77nz4bdrkyvet6fb2v4zp2bvgtohbefdvu')
    fc.assert(
      fc.property(garbage, (bytes) => {
        expect(thrown(() => decodeDelta(bytes)) ?? 'DeltaDecodeError').toBe('DeltaDecodeError')
        expect(thrown(() => decodeBroadcast(bytes)) ?? 'BroadcastDecodeError').toBe('BroadcastDecodeError')
        expect(thrown(() => decodeTrustedBlock(cid, bytes)) ?? 'CrdtBlockError').toBe('CrdtBlockError')
        expect(thrown(() => decodeBlock(cid, bytes))).toBe('CrdtBlockError')
      }),
      { numRuns: 1000 },
    )
  })
})
