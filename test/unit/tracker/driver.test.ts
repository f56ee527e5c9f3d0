import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { other } from './queue-store.ts'
import { makeRig } from './rig.ts'

const cid = contentCid('content')
const now = 1_800_000_000_000
const recent = { timestamp: BigInt(now) * 1_000_000n }

describe('a pin', () => {
  test('is done when IPFS says so, with the bytes it told', () => {
    const { store, ipfs, settle } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    expect(store.local(cid)).toMatchObject({ status: 'pinning', attempts: 1, owned: true })
    ipfs.callFor(cid).answer({ blocks: 3, bytes: 300 })
    settle()
    expect(store.local(cid)).toMatchObject({
      status: 'pinned',
      attempts: 0,
      error: '',
      owned: true,
      bytes: 300,
    })
  })

  test('is begun only after the store has durably said that it is this peer’s', () => {
    const { store, ipfs, settle, time } = makeRig()
    store.full = new Error('disk full')
    store.fold(cid, pinOf(cid))
    time.run(5_000)
    expect(ipfs.log).toEqual([])
    store.full = undefined
    time.run(60_000)
    settle()
    expect(ipfs.log).toEqual([`pin ${cid}`])
  })

  test('hands origins, the pin it updates and the stall timeout to IPFS', () => {
    const { store, ipfs, settle } = makeRig({ stallTimeout: 5_000 })
    const origins = ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWOrigin']
    const pinUpdate = contentCid('older')
    store.fold(cid, pinOf(cid, { origins, pinUpdate }))
    settle()
    const { mode, stallTimeout, updateFrom, ...options } = ipfs.callFor(cid).options
    expect({ mode, stallTimeout, updateFrom, origins: options.origins }).toEqual({
      mode: 'recursive',
      stallTimeout: 5_000,
      updateFrom: pinUpdate,
      origins,
    })
  })

  test('that was on IPFS before is found, and not unpinned from there', () => {
    const { store, ipfs, settle } = makeRig()
    ipfs.state = 'recursive'
    store.fold(cid, pinOf(cid))
    settle()
    expect(store.local(cid)).toMatchObject({ status: 'pinned', owned: false })
    store.fold(cid, undefined)
    settle()
    expect(store.local(cid)).toBeUndefined()
    expect(ipfs.log).toEqual([])
  })

  test('that was on IPFS before is this peer’s when existing pins are adopted', () => {
    const { store, ipfs, settle } = makeRig({ adoptExistingPins: true })
    ipfs.state = 'recursive'
    store.fold(cid, pinOf(cid))
    settle()
    store.fold(cid, undefined)
    settle()
    expect(ipfs.log).toEqual([`unpin ${cid}`])
  })

  test('that is wanted recursively is not found in a direct or indirect pin', () => {
    for (const state of ['direct', 'indirect'] as const) {
      const { store, ipfs, settle } = makeRig()
      ipfs.state = state
      store.fold(cid, pinOf(cid))
      settle()
      expect(ipfs.log).toEqual([`pin ${cid}`])
    }
  })

  test('that is wanted directly is found in somebody’s recursive pin', () => {
    const { store, ipfs, settle } = makeRig()
    ipfs.state = 'recursive'
    store.fold(cid, pinOf(cid, { mode: 'direct' }))
    settle()
    expect(store.local(cid)).toMatchObject({ status: 'pinned', want: 'direct', owned: false })
  })

  test('of this peer becomes direct by unpinning the recursive one first', () => {
    const { store, ipfs, settle } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    ipfs.state = 'recursive'
    store.fold(cid, pinOf(cid, { mode: 'direct' }))
    settle()
    ipfs.callFor(cid).answer(undefined)
    settle()
    expect(ipfs.callFor(cid).options.mode).toBe('direct')
    expect(ipfs.log).toEqual([`pin ${cid}`, `unpin ${cid}`, `pin ${cid}`])
  })

  test('shows what has arrived while it runs', () => {
    const { store, ipfs, settle, tracker, time } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    const began = time.now()
    ipfs.callFor(cid).options.onProgress?.({ blocks: 5, bytes: 50 })
    const shown = tracker.inFlight(cid)
    expect(shown).toMatchObject({ status: 'pinning', attempts: 1, progress: { blocks: 5, bytes: 50 } })
    expect(began - shown!.since).toBeLessThanOrEqual(10)
    ipfs.callFor(cid).answer({ blocks: 9 })
    settle()
    expect(tracker.inFlight(cid)).toBeUndefined()
  })
})

test('a queue fills all slots at once, and no more', () => {
  const { store, ipfs, settle, time } = makeRig()
  ipfs.down = 'connection refused'
  store.fold(cid, pinOf(cid))
  settle()
  ipfs.callFor(cid).fail('unreachable')
  settle()
  for (let i = 0; i < 30; i++) store.fold(contentCid(`content ${i}`), pinOf(contentCid(`content ${i}`)))
  ipfs.down = undefined
  time.runUntil(() => ipfs.open.length > 0, 10_000)
  settle()
  expect(ipfs.open).toHaveLength(10)
})

test('outcomes that cannot be stored pile up to four times the slots at most', () => {
  const { store, ipfs, time } = makeRig()
  ipfs.state = 'recursive'
  store.full = new Error('disk full')
  for (let i = 0; i < 100; i++) store.fold(contentCid(`content ${i}`), pinOf(contentCid(`content ${i}`)))
  time.run(600_000)
  expect(ipfs.checks).toBe(40)
  store.full = undefined
  time.run(600_000)
  expect([...store.records.values()].filter(({ status }) => status === 'pinned')).toHaveLength(100)
})

test('a pin that is unpinned while the store learns of its beginning never reaches IPFS', () => {
  const { store, ipfs, settle, time } = makeRig()
  store.fold(cid, pinOf(cid))
  time.run(0)
  store.fold(cid, undefined)
  settle()
  expect(store.given).toHaveLength(1)
  expect(ipfs.log).toEqual([])
  expect(store.local(cid)).toBeUndefined()
})

test('late progress of a cancelled try is not shown for the next one', () => {
  const { store, ipfs, settle, tracker } = makeRig()
  store.fold(cid, pinOf(cid))
  settle()
  const first = ipfs.callFor(cid)
  store.fold(cid, undefined)
  first.fail('aborted')
  settle()
  first.options.onProgress?.({ blocks: 5 })
  expect(tracker.inFlight(cid)).not.toHaveProperty('progress')
  expect(tracker.inFlight(cid)?.status).toBe('unpinning')
})

describe('a failed pin', () => {
  test('waits longer after each failure and keeps cause and count', () => {
    const { store, ipfs, settle, time } = makeRig()
    store.fold(cid, pinOf(cid, recent))
    settle()
    const waits: number[] = []
    for (const attempts of [1, 2, 3, 4]) {
      ipfs.callFor(cid).fail('stalled', 'no block arrived for 120 s')
      settle()
      const record = store.local(cid)!
      expect(record).toMatchObject({ status: 'pin_error', attempts, error: 'no block arrived for 120 s' })
      waits.push(record.nextTryAt - record.since)
      time.runUntil(() => ipfs.open.length > 0, 3_600_000)
      settle()
    }
    expect(waits[0]).toBeGreaterThanOrEqual(12_000)
    expect(waits[0]).toBeLessThanOrEqual(18_000)
    for (const [i, wait] of waits.slice(1).entries()) expect(wait).toBeGreaterThan(waits[i]!)
  })

  test('may be on IPFS all the same, and is unpinned from there', () => {
    for (const reason of ['failed', 'unreachable'] as const) {
      const { store, ipfs, settle } = makeRig()
      store.fold(cid, pinOf(cid))
      settle()
      ipfs.callFor(cid).fail(reason)
      settle()
      store.fold(cid, undefined)
      settle()
      expect(store.local(cid)?.status).toStartWith('unpin')
    }
  })

  test('is tried at once when it is recovered', async () => {
    const { store, ipfs, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).fail('failed')
    settle()
    expect(ipfs.open).toEqual([])
    const recovered = tracker.recover(cid)
    settle()
    expect(await recovered).toBe(true)
    expect(ipfs.callFor(cid).kind).toBe('pin')
    expect(store.local(cid)).toMatchObject({ status: 'pinning', attempts: 2 })
  })

  test('is not recovered while it runs or is pinned', async () => {
    const { store, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    const recovered = tracker.recover(cid)
    settle()
    expect(await recovered).toBe(false)
  })

  test('does not hold up others', () => {
    const { store, ipfs, settle } = makeRig({ concurrentPins: 4 })
    const bad = Array.from({ length: 20 }, (_, i) => contentCid(`bad ${i}`))
    for (const one of bad) store.fold(one, pinOf(one, recent))
    settle()
    while (ipfs.open.length > 0) {
      ipfs.open[0]!.fail('failed')
      settle()
    }
    for (const one of bad) store.put({ ...store.local(one)!, nextTryAt: 0 })
    settle()
    // Three of four slots are taken by what has failed before.
    expect(ipfs.open).toHaveLength(3)
    store.fold(cid, pinOf(cid, recent))
    settle()
    expect(ipfs.callFor(cid).kind).toBe('pin')
  })
})

test('a pin that hangs takes a slot of its own and no other', () => {
  const { store, ipfs, settle } = makeRig({ concurrentPins: 2 })
  store.fold(cid, pinOf(cid, recent))
  settle()
  const others = Array.from({ length: 50 }, (_, i) => contentCid(`content ${i}`))
  for (const one of others) store.fold(one, pinOf(one, recent))
  for (const one of others) {
    settle()
    expect(ipfs.open).toHaveLength(2)
    ipfs.callFor(one).answer({ blocks: 1 })
  }
  settle()
  expect(ipfs.open.map((call) => call.cid)).toEqual([cid])
  expect(others.map((one) => store.local(one)?.status)).toEqual(others.map(() => 'pinned'))
})

describe('recovering all', () => {
  test('gives what it queued', async () => {
    const { store, ipfs, settle, tracker } = makeRig()
    const cids = Array.from({ length: 3 }, (_, i) => contentCid(`content ${i}`))
    for (const one of cids) store.fold(one, pinOf(one))
    settle()
    for (const one of cids.slice(1)) ipfs.callFor(one).fail('failed')
    settle()
    const recovered = Array.fromAsync(tracker.recoverAll())
    settle()
    expect((await recovered).map(String)).toEqual(cids.slice(1).map(String))
  })
})

test('a pin that is allocated elsewhere makes no work', () => {
  const { store, ipfs, settle } = makeRig()
  store.fold(cid, pinOf(cid, { allocations: [other], replicationFactorMin: 1, replicationFactorMax: 1 }))
  settle()
  expect(ipfs.log).toEqual([])
})
