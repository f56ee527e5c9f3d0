import { describe, expect, test } from 'bun:test'
import type { CID } from 'multiformats/cid'
import type { Pin } from '../../../core/pin/pin.ts'
import type { LocalRecord, Store } from '../../../core/runtime/store.ts'
import { defaultPrioritySettings, priorityClass } from '../../../core/tracker/priority.ts'
import { type Findings, Reconciliation } from '../../../core/tracker/reconciliation.ts'
import { contentCid, pinOf } from '../../sim/content.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { startOfTime, VirtualTime } from '../../sim/virtual-time.ts'
import { self, silentLogger } from '../store/fixtures.ts'
import { openInlineStore } from './inline-store.ts'
import { failure, ListedIpfs } from './listed-ipfs.ts'

const interval = 720_000
const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }

class Rig {
  readonly time = new VirtualTime()
  readonly ipfs = new ListedIpfs(this.time)
  isAway = false
  readonly store: Store
  readonly reconciliation: Reconciliation

  constructor(settings: { interval?: number } = {}) {
    const random = new SeededRandom(1)
    const runtime = { clock: this.time, scheduler: this.time, random, logger: silentLogger }
    this.store = openInlineStore(self, this.time)
    this.reconciliation = new Reconciliation({
      store: this.store,
      ipfs: this.ipfs,
      isAway: () => this.isAway,
      runtime,
      settings: { interval, priority: defaultPrioritySettings, ...settings },
    })
  }

  /** Lets time go by until the promise is settled. */
  await<Value>(promise: Promise<Value>): Value {
    let end: { value: Value } | { error: unknown } | undefined
    promise.then(
      (value) => {
        end = { value }
      },
      (error: unknown) => {
        end = { error }
      },
    )
    this.time.runUntil(() => end !== undefined, 3_600_000)
    if (end === undefined) throw new Error('the promise is not settled')
    if ('error' in end) throw end.error
    return end.value
  }

  look(): Findings {
    return this.await(this.reconciliation.look())
  }

  /** Pins of this peer that the store says are pinned; on IPFS they are too. */
  pinned(names: readonly string[], change: Partial<Pin> = recent): CID[] {
    const pins = names.map((name) => pinOf(contentCid(name), change))
    for (let at = 0; at < pins.length; at += 500) {
      const part = pins.slice(at, at + 500)
      this.await(this.store.write(part.map((pin) => ({ kind: 'pin', pin }))))
      this.await(
        this.store.record(part.map(({ cid }) => ({ ...this.record(cid), status: 'pinned', owned: true }))),
      )
    }
    for (const { cid, mode } of pins) this.ipfs.add(cid, mode)
    this.time.run(1_000)
    return pins.map(({ cid }) => cid)
  }

  record(cid: CID): LocalRecord {
    return this.store.local(cid)!
  }

  count(status: LocalRecord['status']): number {
    return this.store.counts().local[status] ?? 0
  }
}

const names = (count: number, prefix = 'content') => Array.from({ length: count }, (_, i) => `${prefix} ${i}`)

describe('a pin that the IPFS node says lacks blocks', () => {
  test('is recorded as lost at once when the node has it no more, and is left alone when it does', () => {
    const rig = new Rig()
    const [lost, kept] = rig.pinned(['lost', 'kept'])
    rig.ipfs.pinned.delete(lost!.toString())
    rig.await(rig.reconciliation.suspect(lost!))
    rig.await(rig.reconciliation.suspect(kept!))
    expect(rig.record(lost!).status).toBe('unexpectedly_unpinned')
    expect(rig.record(kept!).status).toBe('pinned')
    expect(rig.ipfs.lists).toBe(0)
  })

  test('is left to the next look when the node cannot be asked, or has an error', () => {
    const rig = new Rig()
    const [lost] = rig.pinned(['lost'])
    rig.ipfs.pinned.delete(lost!.toString())
    rig.ipfs.onQuestion = () => {
      throw failure('unreachable')
    }
    rig.await(rig.reconciliation.suspect(lost!))
    expect(rig.record(lost!).status).toBe('pinned')
    rig.ipfs.onQuestion = () => undefined
    expect(rig.look()).toMatchObject({ lost: 1 })
  })
})

describe('a look through the pins of the IPFS node', () => {
  test('finds what was unpinned there among thousands, and asks about nothing else', () => {
    const rig = new Rig()
    const cids = rig.pinned(names(1_700))
    for (const one of names(300, 'foreign')) rig.ipfs.add(contentCid(one))
    const missing = cids.filter((_, i) => i % 100 === 7).map(String)
    for (const one of missing) rig.ipfs.pinned.delete(one)
    expect(rig.look()).toEqual({ listed: 1_983, asked: 17, lost: 17 })
    expect(rig.ipfs.asked.sort()).toEqual(missing.sort())
    expect(rig.count('unexpectedly_unpinned')).toBe(17)
    expect(rig.count('pinned')).toBe(1_683)
  })

  test('records the cause, and that it is due at once as any first try', () => {
    const rig = new Rig()
    const [lost, old, direct] = [
      ...rig.pinned(['lost']),
      ...rig.pinned(['old'], {}),
      ...rig.pinned(['direct']),
    ] as [CID, CID, CID]
    const before = rig.record(lost)
    rig.ipfs.pinned.clear()
    rig.ipfs.add(direct, 'direct')
    expect(rig.look()).toEqual({ listed: 1, asked: 3, lost: 3 })
    const { since, nextTryAt, ...record } = rig.record(lost)
    expect(record).toEqual({
      cid: lost,
      want: 'recursive',
      status: 'unexpectedly_unpinned',
      generation: before.generation,
      attempts: 0,
      error: 'the item should be pinned but it is not: the IPFS node has no pin of it any more',
      priority: priorityClass.fresh,
      owned: true,
    })
    expect(nextTryAt).toBe(since)
    expect(rig.record(old).priority).toBe(priorityClass.old)
    expect(rig.record(direct).error).toEndWith('the IPFS node has only a direct pin of it')
  })

  test('takes a direct pin, or a recursive one, for what is wanted directly', () => {
    const rig = new Rig()
    const [direct, recursive] = rig.pinned(['direct', 'recursive'], { mode: 'direct' }) as [CID, CID]
    rig.ipfs.add(recursive, 'recursive')
    expect(rig.look()).toEqual({ listed: 2, asked: 0, lost: 0 })
    expect(rig.record(direct).status).toBe('pinned')
  })

  test('changes nothing when the list breaks off', () => {
    const rig = new Rig()
    rig.pinned(names(1_000))
    rig.ipfs.breaksAfter = 900
    expect(() => rig.look()).toThrow('unreachable')
    expect(rig.ipfs.asked).toEqual([])
    expect(rig.count('pinned')).toBe(1_000)
  })

  test('leaves alone what was pinned after it began', () => {
    const rig = new Rig()
    rig.pinned(names(1_000))
    const late = pinOf(contentCid('late'))
    rig.await(rig.store.write([{ kind: 'pin', pin: late }]))
    rig.ipfs.beforeChunk = () => {
      const record = { ...rig.record(late.cid), status: 'pinned', since: rig.time.now() } as const
      void rig.store.record([record])
    }
    expect(rig.look()).toEqual({ listed: 1_000, asked: 0, lost: 0 })
    expect(rig.record(late.cid).status).toBe('pinned')
  })

  test('asks about what seems to be pinned in the future, after the clock was set back', () => {
    const rig = new Rig()
    const [cid] = rig.pinned(['content']) as [CID]
    rig.await(rig.store.record([{ ...rig.record(cid), status: 'pinned', since: rig.time.now() + 9e9 }]))
    rig.ipfs.pinned.clear()
    expect(rig.look()).toMatchObject({ asked: 1, lost: 1 })
  })

  test('believes the question and not the list', () => {
    const rig = new Rig()
    const [cid] = rig.pinned(['content']) as [CID]
    rig.ipfs.pinned.clear()
    rig.ipfs.onQuestion = () => rig.ipfs.add(cid)
    expect(rig.look()).toEqual({ listed: 0, asked: 1, lost: 0 })
    expect(rig.record(cid).status).toBe('pinned')
  })

  test('says nothing of what is unpinned, or pinned anew, while it asks', () => {
    const rig = new Rig()
    const [unpinned, anew] = rig.pinned(['unpinned', 'anew']) as [CID, CID]
    rig.ipfs.pinned.clear()
    rig.ipfs.onQuestion = async (cid) => {
      if (cid.equals(unpinned)) await rig.store.write([{ kind: 'unpin', cid }])
      else await rig.store.record([{ ...rig.record(anew), status: 'pinned', since: rig.time.now() }])
    }
    expect(rig.look()).toMatchObject({ asked: 2, lost: 0 })
    expect(rig.record(unpinned)).toMatchObject({ want: 'none', status: 'unpin_queued' })
    expect(rig.record(anew).status).toBe('pinned')
  })

  test('asks about a few at a time', () => {
    const rig = new Rig()
    rig.pinned(names(50))
    rig.ipfs.pinned.clear()
    rig.look()
    expect(rig.ipfs.mostOpen).toBe(4)
  })

  test('goes on past what the node has an error with, and ends when the node is gone', () => {
    const rig = new Rig()
    const [bad] = rig.pinned(names(30)) as [CID]
    rig.ipfs.pinned.clear()
    rig.ipfs.onQuestion = (cid) => {
      if (cid.equals(bad)) throw failure('failed')
    }
    expect(rig.look()).toEqual({ listed: 0, asked: 30, lost: 29 })

    const gone = new Rig()
    gone.pinned(names(30))
    gone.ipfs.pinned.clear()
    gone.ipfs.onQuestion = () => {
      throw failure('unreachable')
    }
    expect(() => gone.look()).toThrow('unreachable')
    expect(gone.ipfs.asked).toHaveLength(4)
    expect(gone.count('pinned')).toBe(30)
  })
})

describe('looks at intervals', () => {
  test('begin an interval after the start, and go on', () => {
    const rig = new Rig()
    rig.pinned(names(5))
    rig.reconciliation.start()
    rig.time.run(interval * 0.85)
    expect(rig.ipfs.lists).toBe(0)
    rig.time.run(interval * 0.3)
    expect(rig.ipfs.lists).toBe(1)
    rig.time.run(interval * 10)
    expect(rig.ipfs.lists).toBeGreaterThanOrEqual(9)
    expect(rig.ipfs.lists).toBeLessThanOrEqual(12)
  })

  test('go on after one that failed', () => {
    const rig = new Rig()
    const [cid] = rig.pinned(['content']) as [CID]
    rig.ipfs.breaksAfter = 0
    rig.reconciliation.start()
    rig.time.run(interval * 1.2)
    rig.ipfs.breaksAfter = Number.POSITIVE_INFINITY
    rig.ipfs.pinned.clear()
    rig.time.run(interval * 1.2)
    expect(rig.record(cid).status).toBe('unexpectedly_unpinned')
  })

  test('leave out a node that is known not to answer', () => {
    const rig = new Rig()
    rig.isAway = true
    rig.reconciliation.start()
    rig.time.run(interval * 5)
    expect(rig.ipfs.lists).toBe(0)
    rig.isAway = false
    rig.time.run(interval * 1.2)
    expect(rig.ipfs.lists).toBeGreaterThan(0)
  })

  test('rest nine times as long as one took', () => {
    const rig = new Rig({ interval: 10 })
    rig.pinned(names(500))
    rig.reconciliation.start()
    // Two chunks of 5 ms: a look takes 10 ms, and with its rest 100 ms.
    rig.time.run(2_000)
    expect(rig.ipfs.lists).toBeGreaterThan(15)
    expect(rig.ipfs.lists).toBeLessThan(25)
  })

  test.each([0, -1])('are none when the interval is %d', (off) => {
    const rig = new Rig({ interval: off })
    rig.reconciliation.start()
    rig.time.run(interval * 5)
    expect(rig.ipfs.lists).toBe(0)
  })
})

describe('a stop', () => {
  test.each([
    ['while the list is read', 0],
    ['while it asks', 6],
  ])('%s ends the look, and nothing follows', (_name, ms) => {
    const rig = new Rig()
    rig.pinned(names(50))
    for (const one of [...rig.ipfs.pinned.keys()].slice(0, 40)) rig.ipfs.pinned.delete(one)
    rig.reconciliation.start()
    rig.time.runUntil(() => rig.ipfs.lists === 1)
    rig.time.run(ms)
    rig.await(rig.reconciliation[Symbol.asyncDispose]())
    const asked = rig.ipfs.asked.length
    rig.time.run(interval * 5)
    expect(rig.ipfs.asked).toHaveLength(asked)
    expect(rig.ipfs.lists).toBe(1)
  })

  test('before the first look leaves nothing behind', () => {
    const rig = new Rig()
    rig.reconciliation.start()
    rig.await(rig.reconciliation[Symbol.asyncDispose]())
    rig.time.run(interval * 5)
    expect(rig.ipfs.lists).toBe(0)
  })
})
