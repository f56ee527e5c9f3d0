import { expect, test } from 'bun:test'
import type { CID } from 'multiformats/cid'
import { encodeBroadcasts } from '../../../core/crdt/broadcast.ts'
import { type FetchedBlock, type HeadsChannel, Replication } from '../../../core/network/replication.ts'
import type { Runtime } from '../../../core/runtime/ports.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { BlockRefusedError } from '../../../core/store/errors.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { chain } from '../../support/crdt-blocks.ts'
import { eventually } from '../../support/network-peer.ts'
import { quietRuntime } from '../ipfs/test-runtime.ts'

/** A replication whose other peers are the test: it announces, and gives blocks when it likes. */
function rig(runtime: Runtime = quietRuntime()) {
  const broken = { reads: false, removes: false, heads: false, refuses: '' }
  const published: Uint8Array[] = []
  const merged = new Map<string, DagBlock>()
  const parked = new Map<string, Uint8Array>()
  const asked = new Map<string, PromiseWithResolvers<FetchedBlock>>()
  let heard: Parameters<HeadsChannel['subscribe']>[0] = () => undefined
  const replication = new Replication({
    store: {
      heads: () => {
        if (broken.heads) throw new Error('disk I/O error')
        return [{ cid: chain(1)[0]!.cid, priority: 1n }]
      },
      hasBlock: (cid: CID) => merged.has(`${cid}`),
      merge: async (blocks: DagBlock[]) => {
        const refused = blocks.find(({ cid }) => broken.refuses === `${cid}`)
        if (refused !== undefined) throw new BlockRefusedError(`${refused.cid}`, 'it is none')
        for (const block of blocks) merged.set(`${block.cid}`, block)
        return []
      },
      onChange: () => () => undefined,
    } as unknown as ConstructorParameters<typeof Replication>[0]['store'],
    channel: {
      publish: async (message) => void published.push(message),
      subscribe: (listener) => {
        heard = listener
        return () => undefined
      },
    },
    blocks: {
      fetch: (cid) => {
        const answer = Promise.withResolvers<FetchedBlock>()
        asked.set(`${cid}`, answer)
        return answer.promise
      },
      merged: () => undefined,
    },
    parked: {
      put: (cid, bytes) => void parked.set(`${cid}`, bytes),
      get: (cid) => {
        if (broken.reads) throw new Error('disk I/O error')
        return parked.get(`${cid}`)
      },
      delete: (cids) => {
        if (broken.removes) throw new Error('disk I/O error')
        for (const cid of cids) parked.delete(`${cid}`)
      },
    },
    rebroadcastInterval: 60_000,
    runtime,
  })
  replication.start()
  return {
    replication,
    broken,
    published,
    merged,
    asked,
    announce: (heads: CID[]) => {
      for (const message of encodeBroadcasts(heads)) heard(message, 'somebody')
    },
  }
}

test('a block and its parent that arrive at once, the block first, are merged at once', async () => {
  const { replication, merged, asked, announce } = rig()
  await using _ = replication
  const [parent, child] = chain(2) as [DagBlock, DagBlock]
  announce([child.cid, parent.cid])
  for (const { cid, bytes } of [child, parent]) asked.get(`${cid}`)!.resolve({ bytes, from: 'somebody' })
  await eventually('both are merged', () => merged.size === 2, 2_000)
  expect(replication.behind).toBe(0)
})

test('blocks are asked for again after the disk failed to read', async () => {
  const time = new VirtualTime()
  const { replication, broken, merged, asked, announce } = rig(inTime(time))
  await using _ = replication
  const heads = Array.from({ length: 40 }, (_, number) => chain(1, `/${number}`)[0]!)
  broken.reads = true
  announce(heads.map(({ cid }) => cid))
  time.run(1_000)
  expect(asked.size).toBe(0)
  broken.reads = false
  for (let round = 0; round < 4; round++) {
    time.run(5_000)
    for (const { cid, bytes } of heads) asked.get(`${cid}`)?.resolve({ bytes, from: 'somebody' })
  }
  time.run(5_000)
  expect(merged.size).toBe(40)
  expect(replication.behind).toBe(0)
})

test('blocks are merged though the disk fails to remove those that were parked', async () => {
  const time = new VirtualTime()
  const { replication, broken, merged, asked, announce } = rig(inTime(time))
  await using _ = replication
  const blocks = chain(100)
  broken.removes = true
  announce([blocks.at(-1)!.cid])
  for (const { cid, bytes } of blocks.toReversed()) {
    time.run(1)
    asked.get(`${cid}`)!.resolve({ bytes, from: 'somebody' })
  }
  time.run(1_000)
  expect(merged.size).toBe(100)
  expect(replication.behind).toBe(0)
})

test('heads are announced again after they could not be read', async () => {
  const time = new VirtualTime()
  const { replication, broken, published } = rig(inTime(time))
  await using _ = replication
  broken.heads = true
  for (let minute = 0; minute < 3; minute++) {
    try {
      time.run(60_000)
    } catch {
      // The process logs what a timer throws.
    }
  }
  expect(published).toHaveLength(0)
  broken.heads = false
  time.run(100_000)
  expect(published.length).toBeGreaterThan(0)
})

test('a block that the store refuses holds up no other', async () => {
  const time = new VirtualTime()
  const { replication, broken, merged, asked, announce } = rig(inTime(time))
  await using _ = replication
  const [good, bad, other] = ['/a', '/b', '/c'].map((key) => chain(1, key)[0]!) as [
    DagBlock,
    DagBlock,
    DagBlock,
  ]
  broken.refuses = `${bad.cid}`
  announce([bad.cid, good.cid, other.cid])
  for (const { cid, bytes } of [bad, good, other]) asked.get(`${cid}`)!.resolve({ bytes, from: 'somebody' })
  time.run(10)
  expect([...merged.keys()].sort()).toEqual([`${good.cid}`, `${other.cid}`].sort())
  expect(replication.behind).toBe(0)
  asked.clear()
  announce([bad.cid])
  time.run(10_000)
  expect(asked.size).toBe(0)
})

function inTime(time: VirtualTime): Runtime {
  return { ...quietRuntime(), clock: time, scheduler: time }
}
