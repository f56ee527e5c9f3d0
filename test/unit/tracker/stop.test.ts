import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { makeRig } from './rig.ts'

const cid = contentCid('content')

describe('stopping', () => {
  test('a stop cancels what runs, and puts it back as if it had not been tried', async () => {
    const { store, ipfs, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    let stopped = false
    const stopping = tracker[Symbol.asyncDispose]().then(() => {
      stopped = true
    })
    settle()
    expect(stopped).toBe(false)
    ipfs.callFor(cid).fail('aborted')
    settle()
    await stopping
    expect(store.local(cid)).toMatchObject({ status: 'pin_queued', attempts: 0, error: '', owned: true })
  })

  test('a stop keeps the success that came while it waited', async () => {
    const { store, ipfs, settle, tracker } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    const stopping = tracker[Symbol.asyncDispose]()
    ipfs.callFor(cid).answer({ blocks: 1 })
    settle()
    await stopping
    expect(store.local(cid)?.status).toBe('pinned')
  })

  test('a stop ends although the store takes nothing any more', async () => {
    const { store, ipfs, settle, tracker, time } = makeRig()
    store.fold(cid, pinOf(cid))
    settle()
    store.full = new Error('disk full')
    ipfs.callFor(cid).answer({ blocks: 1 })
    time.run(30_000)
    const stopping = tracker[Symbol.asyncDispose]()
    settle()
    await stopping
    expect(store.local(cid)?.status).toBe('pinning')
  })

  test('a stopped tracker begins nothing and leaves no timer', async () => {
    const { store, ipfs, settle, tracker, time } = makeRig()
    const stopping = tracker[Symbol.asyncDispose]()
    settle()
    await stopping
    store.fold(cid, pinOf(cid))
    settle()
    expect(ipfs.log).toEqual([])
    expect(time.step()).toBe(false)
  })
})
