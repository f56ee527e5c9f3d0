import { expect, test } from 'bun:test'
import type { CID } from 'multiformats/cid'
import type { Logger } from '../../../core/runtime/ports.ts'
import type { LocalRecord, Store } from '../../../core/runtime/store.ts'
import { systemClock, systemRandom, systemScheduler } from '../../../core/runtime/system.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import { createTracker } from '../../../core/tracker/driver.ts'
import { defaultTrackerSettings } from '../../../core/tracker/settings.ts'
import { contentCid, pinOf } from '../../sim/content.ts'
import { peerIdOf } from '../../sim/simulated-peer.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { ScriptedIpfs } from './scripted-ipfs.ts'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, component: () => quiet }
const runtime = { clock: systemClock, scheduler: systemScheduler, random: systemRandom, logger: quiet }
const cid = contentCid('content')

/** A tracker on a store of its own folder, as a peer has them. */
async function open(folder: string, ipfs: ScriptedIpfs) {
  const store = await openStore({ folder, self: peerIdOf('self'), runtime })
  const tracker = createTracker({ store, ipfs, runtime, settings: defaultTrackerSettings })
  tracker.start()
  return { store, tracker }
}

/** Resolves when the record of `cid` is as `is` wants it; the tracker tells of each change. */
async function recordBecomes(
  store: Store,
  cid: CID,
  is: (record: LocalRecord | undefined) => boolean,
): Promise<LocalRecord | undefined> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (is(store.local(cid))) resolve()
  }
  const off = store.onChange(look)
  look()
  await promise
  off()
  return store.local(cid)
}

test('a pin and its unpin go from the pinset to IPFS and back into the records', async () => {
  await using folder = await temporaryFolder()
  const ipfs = new ScriptedIpfs()
  const { store, tracker } = await open(folder.path, ipfs)
  await store.write([{ kind: 'pin', pin: pinOf(cid) }])
  await ipfs.called('pin')
  expect(store.local(cid)).toMatchObject({ status: 'pinning', attempts: 1, owned: true })
  ipfs.callFor(cid).answer({ blocks: 2, bytes: 200 })
  expect(await recordBecomes(store, cid, (record) => record?.status === 'pinned')).toMatchObject({
    attempts: 0,
    bytes: 200,
  })
  await store.write([{ kind: 'unpin', cid }])
  await ipfs.called('unpin')
  ipfs.callFor(cid).answer(undefined)
  expect(await recordBecomes(store, cid, (record) => record === undefined)).toBeUndefined()
  await tracker[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

test('attempts and cause of a failure outlive a restart, and recovering tries again', async () => {
  await using folder = await temporaryFolder()
  const ipfs = new ScriptedIpfs()
  const first = await open(folder.path, ipfs)
  await first.store.write([{ kind: 'pin', pin: pinOf(cid) }])
  await ipfs.called('pin')
  ipfs.callFor(cid).fail('stalled', 'no block arrived for 120 s')
  await recordBecomes(first.store, cid, (record) => record?.status === 'pin_error')
  await first.tracker[Symbol.asyncDispose]()
  await first.store[Symbol.asyncDispose]()

  const second = await open(folder.path, ipfs)
  const { store, tracker } = second
  expect(store.local(cid)).toMatchObject({
    status: 'pin_error',
    attempts: 1,
    error: 'no block arrived for 120 s',
    owned: true,
  })
  const again = ipfs.called('pin')
  expect(await tracker.recover(cid)).toBe(true)
  await again
  expect(store.local(cid)).toMatchObject({ status: 'pinning', attempts: 2 })
  const stopping = tracker[Symbol.asyncDispose]()
  ipfs.callFor(cid).fail('aborted')
  await stopping
  expect(store.local(cid)).toMatchObject({ status: 'pin_queued', attempts: 1 })
  await store[Symbol.asyncDispose]()
})

test('an IPFS node whose repository is another one is believed to hold nothing that it held before', async () => {
  await using folder = await temporaryFolder()
  const ipfs = new ScriptedIpfs()
  ipfs.repository = 'first'
  const first = await open(folder.path, ipfs)
  await first.store.write([{ kind: 'pin', pin: pinOf(cid) }])
  await ipfs.called('pin')
  ipfs.callFor(cid).answer({ blocks: 2, bytes: 200 })
  await recordBecomes(first.store, cid, (record) => record?.status === 'pinned')
  await first.tracker[Symbol.asyncDispose]()
  await first.store[Symbol.asyncDispose]()

  ipfs.repository = 'made again'
  const again = ipfs.called('pin')
  const { store, tracker } = await open(folder.path, ipfs)
  await again
  expect(store.local(cid)?.status).toBe('pinning')
  ipfs.callFor(cid).answer({ blocks: 2, bytes: 200 })
  await recordBecomes(store, cid, (record) => record?.status === 'pinned')
  await tracker[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})
