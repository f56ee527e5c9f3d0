import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Reports } from '../../../core/peer/reports.ts'
import { statusBits } from '../../../core/pin/status.ts'
import type { IpfsPinDoubt, IpfsPinProof, IpfsPinState } from '../../../core/runtime/ipfs.ts'
import { systemClock, systemScheduler } from '../../../core/runtime/system.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import type { Tracker } from '../../../core/tracker/driver.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'
import { silentLogger } from '../api/silent-runtime.ts'
import { cidOf, pinOf } from '../store/fixtures.ts'

const self = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const cid = cidOf('a')

let folder: TemporaryFolder
let store: Awaited<ReturnType<typeof openStore>>

beforeEach(async () => {
  folder = await temporaryFolder()
  store = await openStore({
    folder: folder.path,
    self,
    runtime: { clock: systemClock, logger: silentLogger, scheduler: systemScheduler },
  })
})

afterEach(async () => {
  await store[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

type PinState = (options?: { signal?: AbortSignal }) => Promise<IpfsPinState>

function reportsOn(pinState: PinState, outage = '', proof?: IpfsPinProof): Reports {
  const tracker = {
    outage: undefined,
    inFlight: () => undefined,
    recover: async () => (await store.requeue({ cid, now: systemClock.now() })).rows.length > 0,
  } as unknown as Tracker
  return new Reports({
    self,
    peerName: 'own',
    store,
    ipfs: { pinState: (_cid, options) => pinState(options), ...(proof && { proof }) },
    tracker,
    ipfsView: () => ({ identity: undefined, error: outage }),
    clock: systemClock,
    scheduler: systemScheduler,
  })
}

/** Makes the pin one that this peer has pinned on IPFS. */
async function pinned(mode: 'recursive' | 'direct' = 'recursive'): Promise<void> {
  await store.write([{ kind: 'pin', pin: pinOf('a', { mode, maxDepth: mode === 'direct' ? 0 : -1 }) }])
  await store.record([{ ...store.local(cid)!, status: 'pinned', owned: true }])
}

const ownRow = async (reports: Reports) => (await reports.status(cid)).peerMap.get(self)
const listed = (reports: Reports) => [...reports.statusAll(0)].map(({ peerMap }) => peerMap.get(self)?.status)

describe('the status of one CID', () => {
  test('shows what was unpinned behind the back of the peer; lists stay with what it proved', async () => {
    await pinned()
    const reports = reportsOn(async () => 'unpinned')
    expect(await ownRow(reports)).toMatchObject({
      status: 'unexpectedly_unpinned',
      error: 'the item should be pinned but it is not',
    })
    expect(listed(reports)).toEqual(['pinned'])
  })

  test.each([
    ['recursive', 'recursive', 'pinned'],
    ['recursive', 'direct', 'unexpectedly_unpinned'],
    ['recursive', 'indirect', 'unexpectedly_unpinned'],
    ['direct', 'recursive', 'pinned'],
    ['direct', 'direct', 'pinned'],
  ] as const)('of a %s pin that is %s on IPFS is %s', async (mode, state, status) => {
    await pinned(mode)
    expect((await ownRow(reportsOn(async () => state)))?.status).toBe(status)
  })

  test('stays what was proven when the IPFS node hangs or fails, and does not ask it while it is known to be away', async () => {
    await pinned()
    const hanging: PinState = (options) =>
      new Promise((_, reject) =>
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
      )
    const started = performance.now()
    expect((await ownRow(reportsOn(hanging)))?.status).toBe('pinned')
    expect(performance.now() - started).toBeLessThan(2_000)
    expect((await ownRow(reportsOn(() => Promise.reject(new Error('no')))))?.status).toBe('pinned')
    const notAsked: PinState = () => {
      throw new Error('it was asked')
    }
    expect((await ownRow(reportsOn(notAsked, 'down')))?.status).toBe('pinned')
  })

  test('asks nobody about what is not pinned yet, or not any more', async () => {
    const asked: string[] = []
    const reports = reportsOn(async () => {
      asked.push('asked')
      return 'unpinned'
    })
    expect((await ownRow(reports))?.status).toBe('unpinned')
    await store.write([{ kind: 'pin', pin: pinOf('a') }])
    expect((await ownRow(reports))?.status).toBe('pin_queued')
    expect(asked).toEqual([])
  })

  test('is not taken in by an unpin while the IPFS node is asked', async () => {
    await pinned()
    const reports = reportsOn(async () => {
      await store.write([{ kind: 'unpin', cid }])
      return 'unpinned'
    })
    expect((await ownRow(reports))?.status).toBe('unpin_queued')
  })
})

describe('recovering one CID', () => {
  test('queues what was unpinned behind the back of the peer', async () => {
    await pinned()
    const report = await reportsOn(async () => 'unpinned').recover(cid)
    expect(report.peerMap.get(self)?.status).toBe('pin_queued')
    expect(store.local(cid)?.status).toBe('pin_queued')
  })
  test('leaves what is pinned as it is', async () => {
    await pinned()
    const report = await reportsOn(async () => 'recursive').recover(cid)
    expect(report.peerMap.get(self)?.status).toBe('pinned')
  })
})

describe('a pin that the IPFS node itself doubts', () => {
  const proofOf = (doubt: () => IpfsPinDoubt | undefined, suspected: string[] = []): IpfsPinProof => ({
    doubt,
    suspect: async (suspect) => void suspected.push(suspect.toString()),
    watch: () => ({ [Symbol.asyncDispose]: async () => undefined }),
  })
  const busy: PinState = () => Promise.reject(new Error('it still looks'))

  test.each([
    ['in-doubt', 'pin_queued'],
    ['incomplete', 'unexpectedly_unpinned'],
    [undefined, 'pinned'],
  ] as const)('as %s is %s in every report, and not among those pinned', async (doubt, status) => {
    await pinned()
    const reports = reportsOn(
      busy,
      '',
      proofOf(() => doubt),
    )
    expect((await ownRow(reports))?.status).toBe(status)
    expect(listed(reports)).toEqual([status])
    expect([...reports.statusAll(statusBits.pinned)]).toHaveLength(doubt === undefined ? 1 : 0)
    expect((await reports.recover(cid)).peerMap.get(self)?.status).toBe(status)
  })

  test('is suspected when somebody asks for its recovery while it counts as pinned, and queued when it is lost', async () => {
    await pinned()
    const suspected: string[] = []
    const proof = proofOf(() => undefined, suspected)
    await reportsOn(async () => 'recursive', '', proof).recover(cid)
    expect(suspected).toEqual([cid.toString()])
    const told = await reportsOn(async () => 'unpinned', '', proof).recover(cid)
    expect(told.peerMap.get(self)?.status).toBe('pin_queued')
    expect(suspected).toHaveLength(1)
  })
})
