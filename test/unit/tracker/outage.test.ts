import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { makeRig } from './rig.ts'

const cid = contentCid('content')
const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }

const unpinning = {
  cid,
  want: 'none',
  status: 'unpin_queued',
  generation: 1,
  attempts: 0,
  error: '',
  since: 1,
  nextTryAt: 0,
  priority: 0,
  owned: true,
} as const

describe('an outage of the IPFS node', () => {
  test('costs one item an attempt, pauses the rest and is said once', () => {
    const { store, ipfs, settle, tracker, warnings } = makeRig({ concurrentPins: 4 })
    const cids = Array.from({ length: 8 }, (_, i) => contentCid(`content ${i}`))
    for (const one of cids) store.fold(one, pinOf(one, recent))
    settle()
    ipfs.down = 'connection refused'
    while (ipfs.open.length > 0) ipfs.open[0]!.fail('unreachable', 'connection refused')
    settle()
    expect(ipfs.open).toEqual([])
    expect(tracker.outage).toMatchObject({ error: 'connection refused' })
    const records = cids.map((one) => store.local(one)!)
    expect(records.filter(({ attempts }) => attempts > 0)).toHaveLength(1)
    expect(records.filter(({ status }) => status === 'pin_queued')).toHaveLength(7)
    expect(warnings).toHaveLength(1)
  })

  test('ends when the node answers a probe, and work goes on', () => {
    const { store, ipfs, settle, tracker, time } = makeRig()
    ipfs.down = 'connection refused'
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).fail('unreachable', 'connection refused')
    const probes = ipfs.probes
    time.run(3_600_000)
    // At most one a minute in the long run.
    expect(ipfs.probes - probes).toBeLessThan(90)
    expect(ipfs.log).toHaveLength(1)
    ipfs.down = undefined
    time.run(75_000)
    expect(tracker.outage).toBeUndefined()
    expect(ipfs.callFor(cid).kind).toBe('pin')
  })

  test('is found out by a probe when a pin stalls', () => {
    const { store, ipfs, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.down = 'frozen'
    ipfs.callFor(cid).fail('stalled')
    settle()
    expect(tracker.outage?.error).toBe('frozen')
  })

  test('at the start is waited for, and nothing is touched before the store knows the node', () => {
    const { store, ipfs, settle, tracker, time } = makeRig({}, false)
    store.put(unpinning)
    ipfs.down = 'connection refused'
    store.boundTo = 'another node'
    tracker.start()
    time.run(20_000)
    expect(ipfs.log).toEqual([])
    ipfs.down = undefined
    time.run(60_000)
    settle()
    // The records were about another node: nothing is unpinned from this one.
    expect(ipfs.log).toEqual([])
    expect(store.boundTo).toBe('ipfs-one')
  })
})

describe('a node that hangs', () => {
  test('is noticed within seconds; nothing in flight loses an attempt, and all goes on when it is back', () => {
    const { store, ipfs, settle, tracker, time } = makeRig({ concurrentPins: 4 })
    ipfs.hangs = true
    const cids = Array.from({ length: 8 }, (_, i) => contentCid(`content ${i}`))
    for (const one of cids) store.fold(one, pinOf(one, recent))
    time.run(25_000)
    expect(tracker.outage?.error).toBe('no answer within 5 s')
    // The pins that hang run out of time long after that.
    for (const call of [...ipfs.open]) call.fail('stalled', 'no block arrived')
    time.run(60_000)
    expect(ipfs.open).toEqual([])
    expect(cids.map((one) => store.local(one))).toEqual(
      cids.map(() => expect.objectContaining({ status: 'pin_queued', attempts: 0 })),
    )
    ipfs.hangs = false
    time.run(75_000)
    expect(tracker.outage).toBeUndefined()
    while (ipfs.open.length > 0) {
      ipfs.open[0]!.answer({ blocks: 1 })
      settle()
    }
    expect(cids.map((one) => store.local(one)?.status)).toEqual(cids.map(() => 'pinned'))
  })

  test('is not taken for one when something else is answered, or the node says that it is there', () => {
    const { store, ipfs, tracker, time } = makeRig({ concurrentPins: 2 })
    const probes = ipfs.probes
    store.fold(cid, pinOf(cid))
    time.run(120_000)
    expect(tracker.outage).toBeUndefined()
    // After 10, 20, 40 and 80 s.
    expect(ipfs.probes - probes).toBe(4)

    const asked = ipfs.probes
    for (let i = 0; i < 20; i++) {
      const other = contentCid(`other ${i}`)
      store.fold(other, pinOf(other))
      time.run(6_000)
      ipfs.callFor(other).answer({ blocks: 1 })
    }
    expect(ipfs.probes - asked).toBeLessThan(3)
  })

  test('is not looked for while nothing is in flight', () => {
    const { store, ipfs, settle, time } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).answer({ blocks: 1 })
    const probes = ipfs.probes
    time.run(3_600_000)
    expect(ipfs.probes).toBe(probes)
  })
})
