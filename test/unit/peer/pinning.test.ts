import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { blockIdOf } from '../../../core/crdt/block-id.ts'
import { Pinning, type PinningInit } from '../../../core/peer/pinning.ts'
import { pinKey } from '../../../core/pin/key.ts'
import { defaultPinOptions } from '../../../core/pin/options.ts'
import type { Pin, PinOptions } from '../../../core/pin/pin.ts'
import type { Logger } from '../../../core/runtime/ports.ts'
import { systemClock, systemScheduler } from '../../../core/runtime/system.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import { deltaBlock } from '../../support/crdt-blocks.ts'
import { DrivenClock } from '../../support/driven-clock.ts'

const self = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, component: () => quiet }

function cidOf(text: string, codec = 0x55): CID {
  const hash = new Bun.CryptoHasher('sha256').update(text).digest()
  return CID.createV1(codec, createDigest(0x12, new Uint8Array(hash)))
}

function options(given: Partial<PinOptions> = {}): PinOptions {
  return { ...defaultPinOptions(), ...given }
}

let folder: string
let store: Awaited<ReturnType<typeof openStore>>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-pinning-'))
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

function pinning(given: Partial<PinningInit> = {}): Pinning {
  return new Pinning({
    store,
    ipfs: {
      getBlock: async () => Promise.reject(new Error('no block')),
      resolve: async (path) => cidOf(path),
    },
    allocate: () => [self],
    gave: () => undefined,
    retry: () => undefined,
    defaults: { min: -1, max: -1 },
    isFollower: false,
    clock: systemClock,
    scheduler: systemScheduler,
    ...given,
  })
}

describe('a path that nobody can resolve', () => {
  const search = () => {
    const signals: AbortSignal[] = []
    const wait = (_: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<never> => {
      signals.push(signal!)
      return new Promise((_resolve, reject) =>
        signal!.addEventListener('abort', () => reject(signal!.reason)),
      )
    }
    return { signals, ipfs: { resolve: wait, getBlock: wait } }
  }
  const path = `/ipfs/${cidOf('nowhere')}/x`
  const calls: Record<string, (pinning: Pinning, signal?: AbortSignal) => Promise<Pin>> = {
    pinned: (pinning, signal) => pinning.pinPath(path, options(), signal),
    planned: (pinning, signal) => pinning.planPath(path, options(), signal),
    unpinned: (pinning, signal) => pinning.unpinPath(path, signal),
  }
  for (const [what, call] of Object.entries(calls)) {
    test(`and is to be ${what} is searched for five minutes, and no longer than its client waits`, async () => {
      const { signals, ipfs } = search()
      const time = new DrivenClock()
      const late = call(pinning({ ipfs, scheduler: time }))
      time.run(5 * 60_000 - 1)
      expect(signals[0]!.aborted).toBe(false)
      time.run(1)
      await expect(late).rejects.toThrow('could not be resolved within 5 minutes')
      const client = new AbortController()
      const gone = call(pinning({ ipfs, scheduler: time }), client.signal)
      client.abort(new Error('the client is gone'))
      await expect(gone).rejects.toThrow('the client is gone')
      expect(signals.every(({ aborted }) => aborted)).toBe(true)
    })
  }
})

describe('a pin', () => {
  test('is everywhere by default and stored when the call resolves', async () => {
    const cid = cidOf('a')
    await pinning().pin(cid, options({ name: 'first' }))
    expect(store.pins({ limit: 10 }).rows).toMatchObject([{ name: 'first', allocations: [], maxDepth: -1 }])
  })
  test('with one replication factor takes it for both and is allocated', async () => {
    const pin = await pinning().pin(cidOf('a'), options({ replicationFactorMin: 2 }))
    expect(pin).toMatchObject({ replicationFactorMin: 2, replicationFactorMax: 2, allocations: [self] })
  })
  test('asked for again unchanged writes nothing and tries again what failed', async () => {
    const retried: string[] = []
    const same = pinning({ retry: (cid) => retried.push(String(cid)) })
    await same.pin(cidOf('a'), options({ name: 'n', metadata: { b: '1', a: '2' } }))
    const blocks = store.counts().blocks
    await same.pin(cidOf('a'), options({ name: 'n', metadata: { a: '2', b: '1' } }))
    expect(store.counts().blocks).toBe(blocks)
    expect(retried).toEqual([String(cidOf('a'))])
    await same.pin(cidOf('a'), options({ name: 'another' }))
    expect(store.counts().blocks).toBe(blocks + 1)
  })
  test('asked for again while it waits for its commit is not taken for stored', async () => {
    const cid = cidOf('a')
    const first = pinning().pin(cid, options())
    const second = pinning().pin(cid, options())
    expect(store.storedPin(cid)).toBeUndefined()
    await second
    expect(store.storedPin(cid)?.cid).toEqual(cid)
    await first
  })

  test('asked for again while it may be withdrawn is written', async () => {
    const cid = cidOf('a')
    const [held, moved] = [
      { replicationFactorMin: 1, name: 'n' },
      '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
    ]
    await pinning().pin(cid, options(held))
    const from = store.pin(cid)!
    const source = store.heads()[0]!.cid
    await store.write([{ kind: 'reallocate', pin: { ...from, allocations: [moved] }, from }])
    const unpin = { key: pinKey(cid), blockId: blockIdOf(source) }
    await store.merge([deltaBlock({ priority: 2n, elements: [], tombstones: [unpin] }, [source])])
    expect(store.orphans(1).map(String)).toEqual([String(cid)])
    await pinning({ allocate: (_, current) => [...current] }).pin(cid, options(held))
    await store.write([{ kind: 'withdraw', cid }])
    expect(store.pin(cid)).toMatchObject({ allocations: [moved] })
  })
  test('of a path is that of what it resolves to; a plain CID needs no IPFS node', async () => {
    const plain = await pinning().pinPath(`/ipfs/${cidOf('plain')}`, options())
    expect(String(plain.cid)).toBe(String(cidOf('plain')))
    const path = `/ipfs/${cidOf('folder')}/file`
    expect(String((await pinning().pinPath(path, options())).cid)).toBe(String(cidOf(path)))
  })
  test('is refused by a follower', async () => {
    const follower = pinning({ isFollower: true })
    await expect(follower.pin(cidOf('a'), options())).rejects.toThrow('follower mode')
    await expect(follower.unpin(cidOf('a'))).rejects.toThrow('follower mode')
    await expect(follower.pinAdded(cidOf('a'), options(), [self])).rejects.toThrow('follower mode')
  })
  test('that is only planned is not stored', () => {
    expect(pinning().plan(cidOf('a'), options({ name: 'plan' }))).toMatchObject({ name: 'plan' })
    expect(store.pin(cidOf('a'))).toBeUndefined()
  })
})

describe('an update', () => {
  test('copies the source and allocates anew from its holders', async () => {
    const asked: (readonly string[])[] = []
    const updating = pinning({
      allocate: (_, current) => {
        asked.push(current)
        return [self]
      },
    })
    await updating.pin(cidOf('old'), options({ replicationFactorMin: 1, name: 'site', metadata: { k: 'v' } }))
    const updated = await updating.pin(cidOf('new'), options({ pinUpdate: cidOf('old') }))
    expect(updated).toMatchObject({ name: 'site', metadata: { k: 'v' }, replicationFactorMin: 1 })
    expect(asked).toEqual([[], [self]])
    expect(store.pin(cidOf('old'))).toBeDefined()
  })
  test('of what is not pinned is refused', async () => {
    const update = pinning().pin(cidOf('new'), options({ pinUpdate: cidOf('old') }))
    await expect(update).rejects.toThrow('pin is not part of the pinset')
  })
})

describe('an unpin', () => {
  test('returns the pin as it was and removes it', async () => {
    await pinning().pin(cidOf('a'), options({ name: 'gone' }))
    expect(await pinning().unpin(cidOf('a'))).toMatchObject({ name: 'gone' })
    expect(store.pins({ limit: 10 }).rows).toEqual([])
    await expect(pinning().unpin(cidOf('a'))).rejects.toThrow('pin is not part of the pinset')
  })
  test('of sharded content removes its shards and its cluster DAG in one commit', async () => {
    const [root, shard] = [cidOf('root'), cidOf('shard', 0x71)]
    const dag = dagCbor.encode({ 0: shard, 1: cidOf('not a pin', 0x71) })
    const dagCid = CID.createV1(0x71, cidOf('dag').multihash)
    const part = (given: Partial<Pin>): Pin => ({
      ...options({ replicationFactorMin: -1, replicationFactorMax: -1 }),
      cid: root,
      type: 'data',
      allocations: [],
      maxDepth: -1,
      ...given,
    })
    await store.write([
      { kind: 'pin', pin: part({ type: 'meta', maxDepth: 0, reference: dagCid }) },
      {
        kind: 'pin',
        pin: part({ cid: dagCid, type: 'cluster-dag', mode: 'direct', maxDepth: 0, reference: root }),
      },
      { kind: 'pin', pin: part({ cid: shard, type: 'shard', maxDepth: 1 }) },
    ])
    const unpinning = pinning({ ipfs: { getBlock: async () => dag, resolve: async () => root } })
    await expect(unpinning.unpin(shard)).rejects.toThrow('cannot unpin a shard directly')
    await unpinning.unpin(root)
    expect(store.pins({ limit: 10 }).rows).toEqual([])
    expect(store.counts().blocks).toBe(2)
  })
})
