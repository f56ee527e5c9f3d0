import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { makeRig } from './rig.ts'

const cid = contentCid('content')

describe('an unpin', () => {
  test('removes its record when it is done', () => {
    const { store, ipfs, settle } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    store.fold(cid, undefined)
    settle()
    expect(store.local(cid)?.status).toBe('unpinning')
    ipfs.callFor(cid).answer(undefined)
    settle()
    expect(store.local(cid)).toBeUndefined()
  })

  test('that failed is seen, tried again and can be recovered', async () => {
    const { store, ipfs, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    store.fold(cid, undefined)
    settle()
    ipfs.callFor(cid).fail('failed', 'no')
    settle()
    expect(store.local(cid)).toMatchObject({ status: 'unpin_error', attempts: 1, error: 'no' })
    const recovered = tracker.recover(cid)
    settle()
    expect(await recovered).toBe(true)
    expect(ipfs.callFor(cid).kind).toBe('unpin')
  })

  test('cancels a pin under way, and begins only when that has ended', () => {
    const { store, ipfs, settle } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    const pinning = ipfs.callFor(cid)
    store.fold(cid, undefined)
    settle()
    expect(pinning.aborted()).toBe(true)
    expect(ipfs.log).toEqual([`pin ${cid}`])
    pinning.fail('aborted')
    settle()
    expect(ipfs.callFor(cid).kind).toBe('unpin')
  })

  test('is not undone by the late success of the pin it cancelled', () => {
    const { store, ipfs, settle } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    store.fold(cid, undefined)
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    expect(store.local(cid)).toMatchObject({ want: 'none', status: 'unpinning' })
  })

  test('is refused when unpinning is disabled: said once, kept out of the queue', () => {
    const { store, ipfs, settle, time } = makeRig({ unpinDisabled: true })
    store.fold(cid, pinOf(cid))
    settle()
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    store.fold(cid, undefined)
    settle()
    expect(store.local(cid)).toMatchObject({ status: 'unpin_error', owned: true })
    expect(store.local(cid)?.error).toStartWith('IPFS unpinning is disallowed by configuration on this peer')
    const refusals = store.given.length
    time.run(7 * 24 * 3_600_000)
    expect(store.given).toHaveLength(refusals)
    expect(ipfs.log).toEqual([`pin ${cid}`])
  })

  test('runs beside others, up to its own limit', () => {
    const { store, ipfs, settle } = makeRig({ concurrentUnpins: 5 })
    for (let i = 0; i < 12; i++) {
      const one = contentCid(`content ${i}`)
      store.fold(one, pinOf(one))
      settle()
      ipfs.callFor(one).answer({ blocks: 1 })
      settle()
    }
    for (let i = 0; i < 12; i++) store.fold(contentCid(`content ${i}`), undefined)
    settle()
    expect(ipfs.open.map(({ kind }) => kind)).toEqual(Array(5).fill('unpin'))
  })
})
