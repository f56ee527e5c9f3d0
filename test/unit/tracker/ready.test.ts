/** While calls to IPFS are quick, the next work is made ready meanwhile, so that no slot waits for the disk. */
import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { makeRig, type Rig } from './rig.ts'

const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }
const cids = Array.from({ length: 20 }, (_, i) => contentCid(`content ${i}`))

/** A rig with two slots and twenty pins, of which the first two were pinned in this time. */
function rigAfter(callTime: number): Rig {
  const rig = makeRig({ concurrentPins: 2 })
  for (const cid of cids) rig.store.fold(cid, pinOf(cid, recent))
  rig.settle()
  const first = [...rig.ipfs.open]
  rig.time.run(callTime)
  for (const call of first) call.answer({ blocks: 1 })
  rig.settle()
  return rig
}

const begun = ({ store }: Rig) => [...store.records.values()].filter(({ status }) => status === 'pinning')

describe('while calls are quick', () => {
  test('as many as there are slots are made ready, and go the moment that a slot is free', () => {
    const rig = rigAfter(1)
    const { ipfs, time } = rig
    expect(begun(rig)).toHaveLength(4)
    expect(ipfs.open).toHaveLength(2)
    for (let i = 0; i < 2; i++) {
      ipfs.open[0]!.answer({ blocks: 1 })
      time.run(0)
      expect(ipfs.open).toHaveLength(2)
    }
  })

  test('what is ready shows as queued', () => {
    const rig = rigAfter(1)
    const [running, ready] = [begun(rig).slice(0, 2), begun(rig).slice(2)]
    expect(running.map(({ cid }) => rig.tracker.inFlight(cid)?.status)).toEqual(['pinning', 'pinning'])
    expect(ready.map(({ cid }) => rig.tracker.inFlight(cid))).toEqual([undefined, undefined])
  })

  test('what is unpinned when it is ready never reaches IPFS', () => {
    const { store, ipfs, settle, ...rig } = rigAfter(1)
    const [, , ready] = begun({ store, ipfs, settle, ...rig })
    const { cid } = ready!
    store.fold(cid, undefined)
    settle()
    // This peer has said that it pins it, so it makes sure that nothing of it stays.
    expect(ipfs.log.filter((line) => line.endsWith(String(cid)))).toEqual([`unpin ${cid}`])
  })

  test('what is ready waits for a node that does not answer, without an attempt', () => {
    const rig = rigAfter(1)
    const { store, ipfs, settle, time } = rig
    const ready = begun(rig).slice(2)
    ipfs.down = 'connection refused'
    for (const call of [...ipfs.open]) call.fail('unreachable')
    time.run(600_000)
    expect(ipfs.open).toEqual([])
    ipfs.down = undefined
    time.run(75_000)
    expect(ready.map(({ cid }) => ipfs.callFor(cid).kind)).toEqual(['pin', 'pin'])
    for (const call of [...ipfs.open]) call.answer({ blocks: 1 })
    settle()
    expect(ready.map(({ cid }) => store.local(cid)?.status)).toEqual(['pinned', 'pinned'])
  })

  test('a stop puts what is ready back as if it had not been tried', async () => {
    const rig = rigAfter(1)
    const { ipfs, settle, tracker, store, time } = rig
    const stopping = tracker[Symbol.asyncDispose]()
    for (const call of [...ipfs.open]) call.fail('aborted')
    settle()
    time.run(1_000)
    await stopping
    expect(begun(rig)).toEqual([])
    const queued = [...store.records.values()].filter(({ status }) => status === 'pin_queued')
    expect(queued.map(({ attempts }) => attempts)).toEqual(Array(18).fill(0))
  })
})

test('while calls take long nothing is made ready, so that what comes new still goes first', () => {
  const rig = rigAfter(5_000)
  expect(begun(rig)).toHaveLength(2)
  expect(rig.ipfs.open).toHaveLength(2)
})
