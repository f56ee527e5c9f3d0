/** A peer whose process is stopped for longer than a ping holds: it is missed, and when it goes on it misses nobody. */
import { describe, expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { eventually, formCluster, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000
/** Pings of the other that come after the pause until the paused peer is believed. */
const pings = 3

describe.skipIf(!hasExecutable)(`a peer that is paused${whyMissing}`, () => {
  test(
    'is missed by the other, and misses nobody itself when it goes on',
    async () => {
      using firstKubo = new MockKubo()
      using secondKubo = new MockKubo()
      await using paused = await OurPeer.create({ ipfs: firstKubo.api })
      await using other = await OurPeer.create({ ipfs: secondKubo.api })
      const peers = [paused, other]
      formCluster(peers, {
        configure({ monitor }) {
          monitor.pubsubmon.check_interval = '200ms'
        },
      })
      using resumed = new DisposableStack()
      // A program that is stopped cannot end.
      resumed.defer(() => paused.signal('SIGCONT'))
      await withLogs(peers, async () => {
        await startAll(peers)
        paused.signal('SIGSTOP')
        await eventually('it is missed', async () => (await missedBy(other)).includes(paused.id))
        paused.signal('SIGCONT')
        const since = await lastPing(paused, other)
        const seen = new Set<number>()
        await eventually('it hears the other again', async () => {
          seen.add(await lastPing(paused, other))
          return seen.size > pings && Math.max(...seen) > since
        })
        expect(await missedBy(paused)).toEqual([])
        expect(paused.log()).toContain('this peer was not running for a while')
        await eventually('the other counts it again', async () =>
          ((await other.client.id()).cluster_peers ?? []).includes(paused.id),
        )
      })
    },
    timeout,
  )
})

/** Peers of whose metrics it was alerted. */
async function missedBy(peer: ClusterPeer): Promise<string[]> {
  const response = await fetch(`${peer.restUrl}/health/alerts`)
  return ((await response.json()) as { peer: string }[]).map((alert) => alert.peer)
}

/** When `peer` got the newest ping of `other`, in milliseconds since the epoch; 0 when it has none that holds. */
async function lastPing(peer: ClusterPeer, other: ClusterPeer): Promise<number> {
  const response = await fetch(`${peer.restUrl}/monitor/metrics/ping`)
  const found = (await response.json()) as { peer: string; received_at: number }[]
  return (found.find((metric) => metric.peer === other.id)?.received_at ?? 0) / 1e6
}
