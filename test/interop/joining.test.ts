/**
 * What a peer that joins and the one that it joins through know of each other at once. All metrics are told every half hour
 * here, so that what is known is what was told because of the join.
 */
import { describe, expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer, ServiceJson } from './rig/cluster-peer.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { eventually, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000
const names = ['ping', 'tag:group', 'freespace']

await describeWithGo('a join', ({ path }) => {
  describe.skipIf(!hasExecutable)(`of peers that tell of themselves every half hour${whyMissing}`, () => {
    const goPeer = (ipfs: string) => GoPeer.create({ path, ipfs, configure: seldom })
    const ourPeer = (ipfs: string) => OurPeer.create({ ipfs, configure: seldom })
    const cases = [
      { joiner: 'ours', target: 'ours', create: ourPeer, createTarget: ourPeer, known: names },
      { joiner: 'the original', target: 'ours', create: goPeer, createTarget: ourPeer, known: names },
      // The original tells nobody of itself when it is joined, and counts as alive all the same.
      { joiner: 'ours', target: 'the original', create: ourPeer, createTarget: goPeer, known: ['ping'] },
    ]
    test.each(cases)(
      'makes both known to each other: $joiner to $target',
      async ({ create, createTarget, known }) => {
        using targetKubo = new MockKubo()
        using joinerKubo = new MockKubo()
        await using target = await createTarget(targetKubo.api)
        await using joiner = await create(joinerKubo.api)
        joiner.configure(({ cluster }) => {
          cluster.secret = target.config.cluster.secret
        })
        await withLogs([target, joiner], async () => {
          await target.start()
          await joiner.start({ bootstrap: [target.address] })
          await eventually('the target knows all of the joiner', () => knows(target, joiner, names))
          await eventually('the joiner knows the target', () => knows(joiner, target, known))
          if (known !== names) return
          const url = `${target.restUrl}/pins/${cidOf('two copies')}?replication-min=2&replication-max=2`
          const response = await fetch(url, { method: 'POST' })
          expect([response.status, await response.text()]).toEqual([200, expect.any(String)])
        })
      },
      timeout,
    )
  })
})

function seldom({ cluster, informer }: ServiceJson): void {
  cluster.monitor_ping_interval = '30m'
  for (const each of Object.values<ServiceJson>(informer)) each.metric_ttl = '1h'
}

async function knows(peer: ClusterPeer, other: ClusterPeer, metrics: readonly string[]): Promise<boolean> {
  for (const name of metrics) {
    const response = await fetch(`${peer.restUrl}/monitor/metrics/${encodeURIComponent(name)}`)
    const found = (await response.json()) as { peer: string }[] | null
    if (!found?.some((metric) => metric.peer === other.id)) return false
  }
  return true
}
