import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { ProtocolUnsupportedError } from '../../../core/network/errors.ts'
import { pinInfoToWire } from '../../../core/network/rpc/conversion.ts'
import { RpcError } from '../../../core/network/rpc/errors.ts'
import type { PinInfoWire } from '../../../core/network/rpc/wire-types.ts'
import { ClusterReports } from '../../../core/peer/cluster-reports.ts'
import type { PeerCalls } from '../../../core/peer/peer-calls.ts'
import { Reports } from '../../../core/peer/reports.ts'
import type { Pin } from '../../../core/pin/pin.ts'
import type { GlobalPinInfo } from '../../../core/pin/pin-info.ts'
import type { PinStatus } from '../../../core/pin/status.ts'
import type { Logger } from '../../../core/runtime/ports.ts'
import { systemClock, systemScheduler } from '../../../core/runtime/system.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import type { Tracker } from '../../../core/tracker/driver.ts'

const self = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const other = '12D3KooWEKyPsvgm7g8vyRA59466ph3t9VLxEUFzNqTXHJdfY2Wq'
const third = '12D3KooWF84k1mETNdjWqZDy93UtQCFZ6H6yh8jwKqbfjTSgNSi3'
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, component: () => quiet }

const cids: CID[] = ['a', 'b', 'c', 'd', 'e']
  .map((text): CID => {
    const hash = new Bun.CryptoHasher('sha256').update(text).digest()
    return CID.createV1(0x55, createDigest(0x12, new Uint8Array(hash)))
  })
  .sort((a, b) => Buffer.compare(a.bytes, b.bytes))

function pinOf(cid: CID, allocations: string[] = []): Pin {
  const factor = allocations.length === 0 ? -1 : allocations.length
  return {
    cid,
    type: 'data',
    allocations,
    maxDepth: -1,
    replicationFactorMin: factor,
    replicationFactorMax: factor,
    name: `pin ${cids.indexOf(cid)}`,
    mode: 'recursive',
    shardSize: 0n,
    userAllocations: [],
    metadata: {},
    origins: [],
    timestamp: 1_700_000_000_000_000_000n,
  }
}

function row(cid: CID, peer: string, status: PinStatus): PinInfoWire {
  return pinInfoToWire({
    cid,
    name: `of ${peer}`,
    peer,
    allocations: [],
    origins: [],
    created: 5n,
    metadata: {},
    info: {
      peerName: peer.slice(-4),
      ipfsPeerId: '',
      ipfsPeerAddresses: [],
      status,
      timestamp: 7n,
      error: '',
      attemptCount: 0,
      priorityPin: false,
    },
  })
}

const idle: Tracker = {
  outage: undefined,
  start: () => undefined,
  inFlight: () => undefined,
  recover: async () => false,
  async *recoverAll() {},
  async [Symbol.asyncDispose]() {},
} as unknown as Tracker

let folder: string
let store: Awaited<ReturnType<typeof openStore>>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-reports-'))
  store = await openStore({
    folder,
    self,
    runtime: { clock: systemClock, logger: quiet, scheduler: systemScheduler },
  })
})

afterEach(async () => {
  await store[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** Answers of other peers: rows, or an error. */
type Answers = Record<string, PinInfoWire[] | Error>

function reports(answers: Answers): ClusterReports {
  const answerOf = (peer: string): PinInfoWire[] => {
    const answer = answers[peer]
    if (answer instanceof Error) throw answer
    return answer ?? []
  }
  const calls = {
    call: async (peer: string, { name, protocol }: { name: string; protocol?: string }, cid: CID) => {
      if (protocol !== undefined) throw new ProtocolUnsupportedError(peer, protocol)
      return answerOf(peer).find((each) => each.c?.equals(cid)) ?? new Error(`no answer to ${name}`)
    },
    stream: async function* (peer: string) {
      yield* answerOf(peer)
    },
  } as unknown as PeerCalls
  const own = new Reports({
    self,
    peerName: 'own',
    store,
    ipfs: { pinState: async () => 'recursive' },
    tracker: idle,
    ipfsView: () => ({ identity: undefined, error: '' }),
    clock: systemClock,
    scheduler: systemScheduler,
  })
  return new ClusterReports({
    self,
    own,
    store,
    folder: tmpdir(),
    calls,
    members: () => [self, ...Object.keys(answers)],
    namesOf: (peer) => ({ peerName: `ping ${peer.slice(-4)}`, ipfsId: '', ipfsAddresses: [] }),
    clock: systemClock,
  })
}

const statuses = (report: GlobalPinInfo) =>
  Object.fromEntries([...report.peerMap].map(([peer, info]) => [peer, info.status]))

async function all(listing: AsyncIterable<GlobalPinInfo>): Promise<GlobalPinInfo[]> {
  const found: GlobalPinInfo[] = []
  for await (const each of listing) found.push(each)
  return found
}

describe('the status of one CID', () => {
  test('asks the peers that hold it and knows that the others need not', async () => {
    await store.write([{ kind: 'pin', pin: pinOf(cids[0]!, [self, other]) }])
    const report = await reports({ [other]: [row(cids[0]!, other, 'pinned')], [third]: [] }).status(cids[0]!)
    expect(statuses(report)).toEqual({ [self]: 'pin_queued', [other]: 'pinned', [third]: 'remote' })
    expect(report.peerMap.get(third)?.peerName).toBe(`ping ${third.slice(-4)}`)
  })
  test('of what is not pinned asks everybody, who may still hold it', async () => {
    const report = await reports({ [other]: [row(cids[0]!, other, 'unpin_error')] }).status(cids[0]!)
    expect(statuses(report)).toEqual({ [self]: 'unpinned', [other]: 'unpin_error' })
  })
  test('says which peer did not answer, and leaves out those that do not trust this one', async () => {
    await store.write([{ kind: 'pin', pin: pinOf(cids[0]!) }])
    const answers = {
      [other]: new Error('no way there'),
      [third]: new RpcError('not for you', 'authorization'),
    }
    const report = await reports(answers).status(cids[0]!)
    expect(statuses(report)).toEqual({ [self]: 'pin_queued', [other]: 'cluster_error' })
    expect(report.peerMap.get(other)?.error).toBe('no way there')
  })
})

describe('the status of all, of peers of the original', () => {
  test('merges rows that come in any order into one report a CID, in the order of CIDs', async () => {
    const pinned = [cids[0]!, cids[2]!, cids[4]!]
    await store.write(pinned.map((cid) => ({ kind: 'pin' as const, pin: pinOf(cid) })))
    const answers = {
      [other]: [4, 1, 0].map((index) => row(cids[index]!, other, 'pinned')),
      [third]: [3, 0, 1].map((index) => row(cids[index]!, third, 'pinning')),
    }
    const found = await all(reports(answers).statusAll(0))
    expect(found.map(({ cid }) => cids.findIndex((each) => each.equals(cid)))).toEqual([0, 1, 2, 3, 4])
    expect(found.map(statuses)).toEqual([
      { [self]: 'pin_queued', [other]: 'pinned', [third]: 'pinning' },
      { [other]: 'pinned', [third]: 'pinning' },
      { [self]: 'pin_queued' },
      { [third]: 'pinning' },
      { [self]: 'pin_queued', [other]: 'pinned' },
    ])
    expect(found[1]?.name).toBe(`of ${third}`)
  })
  test('adds a peer that failed to every CID', async () => {
    await store.write([{ kind: 'pin', pin: pinOf(cids[0]!) }])
    const answers = { [other]: new Error('gone'), [third]: [row(cids[1]!, third, 'pinned')] }
    const found = await all(reports(answers).statusAll(0))
    expect(found.map((report) => report.peerMap.get(other)?.status)).toEqual([
      'cluster_error',
      'cluster_error',
    ])
  })
  test('ends with the reason when it is cancelled', async () => {
    const cancel = new AbortController()
    cancel.abort(new Error('nobody listens'))
    await expect(all(reports({ [other]: [] }).statusAll(0, cancel.signal))).rejects.toThrow('nobody listens')
  })
})
