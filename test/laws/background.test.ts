/** Laws of background work: it never undoes an unpin for good, and takes nothing away that a user put there. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { blockIdOf } from '../../core/crdt/block-id.ts'
import { decodeBlock } from '../../core/crdt/dag-node.ts'
import { encodePin } from '../../core/pin/codec.ts'
import { pinKey } from '../../core/pin/key.ts'
import type { Pin } from '../../core/pin/pin.ts'
import type { DagBlock } from '../../core/runtime/store.ts'
import { StoreEngine } from '../../core/store/engine.ts'
import type { JobAnswers, KeyChangeRequest } from '../../core/store/jobs.ts'
import { cidOfKey } from '../../core/store/keys.ts'
import { StoreReader } from '../../core/store/store-reader.ts'
import { retarget } from '../../core/tracker/retarget.ts'
import { MemoryTables } from '../sim/memory-tables.ts'
import { cidOf, peerOf, pinAt, startTime } from '../unit/store/fixtures.ts'

/** Milliseconds, for a busy machine. */
const timeout = 60_000

const names = ['a', 'b']
const peers = ['one', 'two', 'three'].map(peerOf)

/** An element: the block that brought it and the key. */
const elementOf = (cid: CID, name: string) => `${blockIdOf(cid)} ${name}`

class Peer {
  readonly #engine: StoreEngine
  readonly reader: StoreReader

  constructor(self: string) {
    const tables = new MemoryTables()
    this.#engine = new StoreEngine({ tables, self, rule: retarget })
    this.reader = new StoreReader(tables, self)
  }

  /** The block that carries the change, if it was made. */
  write(change: KeyChangeRequest): CID | undefined {
    const job = { kind: 'write' as const, changes: [change] }
    const [answer] = this.#engine.commit({ jobs: [job], now: startTime }).answers
    const { block } = (answer as { answer: JobAnswers['write'] }).answer
    return block === undefined ? undefined : cidOfKey(block)
  }

  merge(from: Peer): void {
    const blocks = from.blocks().map(({ cid, bytes }) => ({ cid: cid.bytes, bytes }))
    this.#engine.commit({ jobs: [{ kind: 'merge', blocks }], now: startTime })
  }

  blocks(): DagBlock[] {
    return this.reader.blocks({ limit: 1000 }).rows
  }

  pins(): Map<string, Uint8Array> {
    return new Map(this.reader.pins({ limit: 1000 }).rows.map((pin) => [`${pin.cid}`, encodePin(pin)]))
  }
}

const steps = fc.array(
  fc.record({
    peer: fc.nat(2),
    name: fc.constantFrom(...names),
    do: fc.oneof(
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('pin' as const), holder: fc.nat(2) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('unpin' as const) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('reallocate' as const),
          holder: fc.nat(2),
          stale: fc.option(fc.nat(2), { freq: 2 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('merge' as const), from: fc.nat(2) }) },
    ),
  }),
  { minLength: 5, maxLength: 40, size: 'max' },
)
type Step = typeof steps extends fc.Arbitrary<(infer Of)[]> ? Of : never

class World {
  readonly peers = peers.map((self) => new Peer(self))
  /** Elements that users put. */
  readonly asked = new Set<string>()
  /** Blocks of withdrawals. */
  readonly withdrawals: CID[] = []

  take({ peer: number, name, do: action }: Step, time: number): void {
    const peer = this.peers[number]!
    const key = cidOf(name).bytes
    switch (action.kind) {
      case 'pin': {
        const value = stored(
          pinAt(name, [peers[action.holder]!], { timestamp: BigInt(time) * 1_000_000_000n }),
        )
        this.asked.add(elementOf(peer.write({ kind: 'pin', key, value })!, name))
        break
      }
      case 'unpin':
        peer.write({ kind: 'unpin', key })
        break
      case 'reallocate': {
        // What another peer sees may be something else here.
        const from = this.peers[action.stale ?? number]!.reader.pin(cidOf(name))
        if (from === undefined) break
        const value = stored({ ...from, allocations: [peers[action.holder]!] })
        peer.write({ kind: 'reallocate', key, value, from: stored(from) })
        break
      }
      case 'withdraw':
        this.#withdraw(peer, cidOf(name))
        break
      case 'merge':
        peer.merge(this.peers[action.from]!)
    }
  }

  /** All hear of everything, and withdraw, until nothing happens any more. */
  settle(): void {
    for (let round = 0; ; round++) {
      if (round > 40) throw new Error('withdrawals never end')
      for (const peer of this.peers) for (const from of this.peers) peer.merge(from)
      for (const peer of this.peers) for (const from of this.peers) peer.merge(from)
      const orphans = this.peers.flatMap((peer) => peer.reader.orphans(10).map((cid) => ({ peer, cid })))
      if (orphans.length === 0) return
      for (const { peer, cid } of orphans) this.#withdraw(peer, cid)
    }
  }

  /** What is dead in the end, and what withdrawals killed of it. */
  dead(): { all: Set<string>; withdrawn: Set<string> } {
    const all = new Set<string>()
    const withdrawn = new Set<string>()
    for (const { cid, bytes } of this.peers[0]!.blocks()) {
      for (const { key, blockId } of decodeBlock(cid, bytes).delta.tombstones) {
        const name = names.find((each) => pinKey(cidOf(each)) === key)
        all.add(`${blockId} ${name}`)
        if (this.withdrawals.some((each) => each.equals(cid))) withdrawn.add(`${blockId} ${name}`)
      }
    }
    return { all, withdrawn }
  }

  #withdraw(peer: Peer, cid: CID): void {
    const block = peer.write({ kind: 'withdraw', key: cid.bytes })
    if (block !== undefined) this.withdrawals.push(block)
  }
}

function stored(pin: Pin): Uint8Array {
  return encodePin(pin).slice()
}

function played(all: Step[]): World {
  const world = new World()
  for (const [time, step] of all.entries()) world.take(step, time)
  world.settle()
  return world
}

test(
  'whatever peers pin, unpin and copy at once, a CID stays exactly when a pin of a user was not unpinned',
  () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = played(all)
        const { all: dead } = world.dead()
        const [first, ...others] = world.peers.map((peer) => peer.pins())
        for (const pins of others) expect(pins).toEqual(first!)
        for (const name of names) {
          const isAsked = [...world.asked].some(
            (element) => element.endsWith(` ${name}`) && !dead.has(element),
          )
          expect([name, first!.has(`${cidOf(name)}`)]).toEqual([name, isAsked])
        }
      }),
      { numRuns: 400 },
    )
  },
  timeout,
)

test(
  'a withdrawal kills nothing that a user put',
  () => {
    let withdrawals = 0
    fc.assert(
      fc.property(steps, (all) => {
        const world = played(all)
        const { withdrawn } = world.dead()
        withdrawals += withdrawn.size
        expect([...withdrawn].filter((element) => world.asked.has(element))).toEqual([])
      }),
      { numRuns: 400 },
    )
    expect(withdrawals).toBeGreaterThan(10)
  },
  timeout,
)
