/**
 * A fresh peer joins a cluster of the other implementation that holds a long history, one delta a pin, and ends with the same
 * pinset. 500 pins; 20,000 in full tests (`CLUSTER_TEST=full`). How long it took is printed.
 */
import { describe, expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { eventually, formCluster, withLogs } from './rig/test-cluster.ts'

const isFull = process.env.CLUSTER_TEST === 'full'
const pins = isFull ? 20_000 : 500
/** Milliseconds. The original fetches a history block by block. */
const catchUpTimeout = isFull ? 1_800_000 : 60_000
const timeout = 2 * catchUpTimeout

await describeWithGo('a fresh peer that joins a long history', ({ path }) => {
  describe.skipIf(!hasExecutable)(`of ${pins} pins, one delta each${whyMissing}`, () => {
    const goPeer = (ipfs: string) => GoPeer.create({ path, ipfs })
    const ourPeer = (ipfs: string) => OurPeer.create({ ipfs })
    const cases = [
      { joins: 'ours', holds: 'the original', old: goPeer, fresh: ourPeer },
      { joins: 'the original', holds: 'ours', old: ourPeer, fresh: goPeer },
    ]
    test.each(cases)(
      'ends with the same export: $joins joins $holds',
      async ({ joins, holds, old, fresh }) => {
        using oldKubo = new MockKubo()
        using freshKubo = new MockKubo()
        await using holder = await old(oldKubo.api)
        await using joiner = await fresh(freshKubo.api)
        const peers = [holder, joiner]
        formCluster(peers, {
          configure(service, peer) {
            service.cluster.peername = peer === holder ? 'holder' : 'joiner'
          },
        })
        await withLogs(peers, async () => {
          await holder.start()
          await fill(holder)
          const began = performance.now()
          await joiner.start({ bootstrap: [holder.address] })
          await eventually(
            `the joiner holds ${pins} pins`,
            async () => (await joiner.pins()).length === pins,
            catchUpTimeout,
          )
          const seconds = (performance.now() - began) / 1_000
          console.log(`${joins} joined ${holds}: ${pins} pins in ${seconds.toFixed(1)} s`)
          for (const peer of peers) await peer.stop()
          const lines = await holder.exportState()
          expect(lines).toHaveLength(pins)
          expect(await joiner.exportState()).toEqual(lines)
          expect(await heightOf(peers)).toBe(pins)
        })
      },
      timeout,
    )
  })
})

/** One after the other: what is asked for at once may share a delta. */
async function fill(peer: ClusterPeer): Promise<void> {
  for (let index = 0; index < pins; index++) {
    const response = await fetch(`${peer.restUrl}/pins/${cidOf(`history ${index}`)}?name=pin-${index}`, {
      method: 'POST',
    })
    if (!response.ok) throw new Error(`pin ${index} was answered with ${response.status}`)
    await response.arrayBuffer()
  }
}

/** Of the DAG, as the peer of the original tells it: as many as there are deltas one upon the other. */
async function heightOf(peers: readonly ClusterPeer[]): Promise<number> {
  const original = peers.find((peer) => peer instanceof GoPeer)
  if (original === undefined) throw new Error('no peer of the original can tell the height')
  const info = await original.service('state', 'crdt', 'info')
  return Number(/max-height: (\d+)/.exec(info)?.[1])
}
