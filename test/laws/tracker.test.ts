/** What holds of the tracker whatever happens: any changes of the pinset, any answers of IPFS, in any order. */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { contentCid, pinOf } from '../sim/content.ts'
import { other } from '../unit/tracker/queue-store.ts'
import { makeRig, type Rig } from '../unit/tracker/rig.ts'

const cids = Array.from({ length: 6 }, (_, i) => contentCid(`content ${i}`))
const limit = 3

type Step =
  | { do: 'pin' | 'pinDirect' | 'rename' | 'unpin' | 'moveAway'; cid: number }
  | { do: 'succeed' | 'fail' | 'stall' | 'lose'; call: number }
  | { do: 'down' | 'up' | 'restart' | 'recover' }
  | { do: 'wait'; ms: number }

const which = fc.nat({ max: cids.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('pin', 'pinDirect', 'rename', 'unpin', 'moveAway'),
      cid: which,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('succeed', 'fail', 'stall', 'lose'), call: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('down', 'up', 'restart', 'recover') }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(0, 1, 5, 1_000, 60_000) }),
  },
)

/** A tracker under a random load, and an IPFS node that remembers who pinned what. */
class Load {
  readonly rig: Rig
  /** Pinned on IPFS by somebody else, before. */
  readonly foreign: Set<string>
  /** On IPFS now. */
  readonly held = new Set<string>()

  constructor(foreign: number[]) {
    this.foreign = new Set(foreign.map((i) => String(cids[i])))
    for (const key of this.foreign) this.held.add(key)
    this.rig = makeRig({ concurrentPins: limit, concurrentUnpins: limit })
    this.rig.ipfs.state = undefined
  }

  take(step: Step): void {
    const { ipfs, tracker, time } = this.rig
    switch (step.do) {
      case 'pin':
      case 'pinDirect':
      case 'rename':
      case 'unpin':
      case 'moveAway':
        this.#change(step.do, cids[step.cid]!)
        break
      case 'succeed':
      case 'fail':
      case 'stall':
      case 'lose':
        if (ipfs.open.length > 0) this.#answer(step.do, step.call % ipfs.open.length)
        break
      case 'down':
        ipfs.down = 'connection refused'
        break
      case 'up':
        ipfs.down = undefined
        break
      case 'restart':
        this.#restart()
        break
      case 'recover':
        void Array.fromAsync(tracker.recoverAll())
        break
      case 'wait':
        time.run(step.ms)
        break
    }
    time.run(0)
    this.#check()
  }

  /** Everything goes well from now on, for long enough. */
  heal(): void {
    this.rig.ipfs.down = undefined
    for (let quiet = 0; quiet < 3; ) {
      this.rig.time.run(4_400_000)
      if (this.rig.ipfs.open.length === 0) quiet++
      while (this.rig.ipfs.open.length > 0) {
        quiet = 0
        this.#answer('succeed', 0)
        this.rig.settle()
        this.#check()
      }
    }
  }

  #change(how: 'pin' | 'pinDirect' | 'rename' | 'unpin' | 'moveAway', cid: CID): void {
    const { store, time } = this.rig
    const timestamp = BigInt(time.now()) * 1_000_000n
    const before = store.pins.get(String(cid))
    if (how === 'pin') store.fold(cid, pinOf(cid, { timestamp }))
    else if (how === 'pinDirect') store.fold(cid, pinOf(cid, { timestamp, mode: 'direct' }))
    else if (how === 'unpin') store.fold(cid, undefined)
    else if (how === 'moveAway')
      store.fold(cid, pinOf(cid, { allocations: [other], replicationFactorMin: 1 }))
    else if (before !== undefined) store.fold(cid, { ...before, name: 'renamed', timestamp })
  }

  #answer(how: 'succeed' | 'fail' | 'stall' | 'lose', index: number): void {
    const call = this.rig.ipfs.open[index]!
    const key = String(call.cid)
    if (how === 'fail') call.fail(call.aborted() ? 'aborted' : 'failed')
    else if (how === 'stall') call.fail(call.kind === 'pin' ? 'stalled' : 'failed')
    else if (how === 'lose') {
      // The answer is lost, not what was done.
      if (call.kind === 'pin') this.held.add(key)
      call.fail('unreachable')
    } else if (call.kind === 'pinState') call.answer(this.held.has(key) ? 'recursive' : 'unpinned')
    else if (call.kind === 'pin') {
      this.held.add(key)
      call.answer({ blocks: 1 })
    } else {
      this.held.delete(key)
      call.answer(undefined)
    }
  }

  #restart(): void {
    const { tracker, ipfs, settle } = this.rig
    void tracker[Symbol.asyncDispose]()
    settle()
    for (const call of [...ipfs.open]) call.fail('aborted')
    settle()
    this.rig.restart()
  }

  #check(): void {
    const { ipfs, store } = this.rig
    for (const kind of ['pin', 'unpin', 'pinState']) {
      expect(ipfs.open.filter((call) => call.kind === kind).length).toBeLessThanOrEqual(limit)
    }
    expect(new Set(ipfs.open.map(({ cid }) => String(cid))).size).toBe(ipfs.open.length)
    for (const key of this.foreign) expect(this.held).toContain(key)
    for (const [key, { status }] of store.records) if (status === 'pinned') expect(this.held).toContain(key)
  }
}

test('any history ends with every pin held and every unpin done, and never touches what others pinned', () => {
  fc.assert(
    fc.property(fc.array(which, { maxLength: 3 }), fc.array(step, { maxLength: 120 }), (foreign, steps) => {
      const load = new Load(foreign)
      for (const one of steps) load.take(one)
      load.heal()
      const { store } = load.rig
      for (const cid of cids) {
        const key = String(cid)
        const pin = store.pins.get(key)
        const mine = pin !== undefined && !pin.allocations.includes(other)
        expect(store.records.get(key)?.status).toBe(mine ? 'pinned' : undefined)
        expect(load.held.has(key)).toBe(mine || load.foreign.has(key))
      }
    }),
    { numRuns: 300 },
  )
})

test('results of an older generation never change a record', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const load = new Load([])
      const { store } = load.rig
      const seen = new Map<string, number>()
      for (const one of steps) {
        load.take(one)
        for (const [key, { generation }] of store.records) {
          expect(generation).toBeGreaterThanOrEqual(seen.get(key) ?? 0)
          seen.set(key, generation)
        }
      }
      load.heal()
      for (const { cid, status, generation } of store.given) {
        if (status === 'pinned') expect(generation).toBeLessThanOrEqual(seen.get(String(cid)) ?? generation)
      }
    }),
    { numRuns: 100 },
  )
})
