import { expect, test } from 'bun:test'
import type { CID } from 'multiformats/cid'
import { encodeBroadcasts } from '../../../core/crdt/broadcast.ts'
import { type FetchedBlock, type HeadsChannel, Replication } from '../../../core/network/replication.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { chain } from '../../support/crdt-blocks.ts'
import { eventually } from '../../support/network-peer.ts'
import { quietRuntime } from '../ipfs/test-runtime.ts'

/** A replication whose other peers are the test: it announces, and gives blocks when it likes. */
function rig() {
  const merged = new Map<string, DagBlock>()
  const parked = new Map<string, Uint8Array>()
  const asked = new Map<string, PromiseWithResolvers<FetchedBlock>>()
  let heard: Parameters<HeadsChannel['subscribe']>[0] = () => undefined
  const replication = new Replication({
    store: {
      heads: () => [],
      hasBlock: (cid: CID) => merged.has(`${cid}`),
      merge: async (blocks: DagBlock[]) => {
        for (const block of blocks) merged.set(`${block.cid}`, block)
        return []
      },
      onChange: () => () => undefined,
    } as unknown as ConstructorParameters<typeof Replication>[0]['store'],
    channel: {
      publish: async () => undefined,
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
      get: (cid) => parked.get(`${cid}`),
      delete: (cids) => {
        for (const cid of cids) parked.delete(`${cid}`)
      },
    },
    rebroadcastInterval: 60_000,
    runtime: quietRuntime(),
  })
  replication.start()
  return {
    replication,
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
