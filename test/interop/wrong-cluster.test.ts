/** A peer with another secret, or of another cluster: refused with a clear error, and nothing changes on either side. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { secretFingerprint } from '../../core/network/private-network.ts'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer, ServiceJson } from './rig/cluster-peer.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { eventually, formCluster, membersOf, samePins, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000

await describeWithGo('a peer that does not belong here', ({ path }) => {
  describe.skipIf(!hasExecutable)(`beside a cluster of both implementations${whyMissing}`, () => {
    const stack = new AsyncDisposableStack()
    let original: GoPeer
    let ours: OurPeer
    let members: ClusterPeer[]

    const makers = {
      'the original': () => GoPeer.create({ path, ipfs: stack.use(new MockKubo()).api }),
      ours: () => OurPeer.create({ ipfs: stack.use(new MockKubo()).api }),
    }

    beforeAll(async () => {
      original = stack.use(await makers['the original']())
      ours = stack.use(await makers.ours())
      members = [original, ours]
      formCluster(members, {
        configure(service, peer) {
          service.cluster.peername = peer === original ? 'go' : 'ours'
        },
      })
      await withLogs(members, () => startAll(members))
    }, timeout)
    afterAll(() => stack.disposeAsync(), timeout)

    /** Writes on both sides: what the members write reaches all members, and nothing passes to or from the stranger. */
    async function writeOnBoth(stranger: ClusterPeer): Promise<void> {
      const before = await samePins('before', members)
      const foreign = cidOf(`stranger ${before.length}`).toString()
      await stranger.client.pin(foreign)
      for (const member of members)
        await member.client.pin(cidOf(`${member.name} ${before.length}`).toString())
      const after = await samePins('after', members, (lines) => lines.length >= before.length + 2)
      expect(after).toHaveLength(before.length + 2)
      expect(after.filter((line) => line.includes(foreign))).toEqual([])
      expect(await stranger.pins()).toHaveLength(1)
    }

    async function join(stranger: ClusterPeer, change: (service: ServiceJson) => void): Promise<void> {
      formCluster([original, ours, stranger], { only: [stranger], configure: change })
      await stranger.start({ bootstrap: members.map(({ address }) => address) })
    }

    for (const [who, make] of Object.entries(makers)) {
      test(
        `is ${who} with another secret: it joins nobody, and is told of with a fingerprint`,
        async () => {
          await using stranger = await make()
          await withLogs([...members, stranger], async () => {
            const secret = 'ab'.repeat(32)
            await join(stranger, ({ cluster }) => {
              cluster.peername = 'stranger'
              cluster.secret = secret
            })
            // What ours has sees of it, from its own side or from the other.
            if (stranger instanceof OurPeer) {
              for (const { id } of members) {
                const told = new RegExp(
                  `${id} answers, but what it sends cannot be read.*${fingerprintOf(secret)}`,
                )
                await eventually(`the log of the stranger has ${told}`, () => told.test(stranger.log()))
              }
            }
            const told = new RegExp(`unreadable connection.*${fingerprintOf(ours.config.cluster.secret)}`)
            await eventually(`the log of ours has ${told}`, () => told.test(ours.log()))
            expect(ours.log()).not.toContain(secret)
            expect(stranger.log()).not.toContain(secret)
            await writeOnBoth(stranger)
            await membersOf(members, members)
            await membersOf([stranger], [stranger])
          })
        },
        timeout,
      )

      test(
        `is ${who} of a cluster of another name: it is no member, gets no content, and no pin passes`,
        async () => {
          await using stranger = await make()
          await withLogs([...members, stranger], async () => {
            await join(stranger, ({ cluster, consensus }) => {
              cluster.peername = 'stranger'
              consensus.crdt.cluster_name = 'another'
            })
            await eventually('ours tells of the stranger', () => timesTold(ours, stranger.id) === 1)
            if (stranger instanceof OurPeer) {
              await eventually('the stranger tells of both', () =>
                members.every(({ id }) => timesTold(stranger, id) === 1),
              )
              await membersOf([stranger], [stranger])
            } else {
              // Metrics are common to all clusters of a secret, and the original counts whoever sends them.
              await membersOf([stranger], [stranger, ...members])
            }
            await membersOf([ours], members)
            const listed = await Array.fromAsync(ours.client.peers(), ({ id }) => id)
            expect(listed.sort()).toEqual(members.map(({ id }) => id).sort())
            const three = { replicationFactorMin: 3, replicationFactorMax: 3 }
            await expect(ours.client.pin(cidOf('for three').toString(), three)).rejects.toThrow('not enough')
            await writeOnBoth(stranger)
            expect(timesTold(ours, stranger.id)).toBe(1)
          })
        },
        timeout,
      )
    }
  })
})

/** Times that the log of `peer` calls another one a peer of another cluster. */
function timesTold(peer: ClusterPeer, other: string): number {
  const lines = peer.log().split('\n')
  return lines.filter((line) => line.includes('peer of another cluster') && line.includes(other)).length
}

function fingerprintOf(secret: string): string {
  return secretFingerprint(Buffer.from(secret, 'hex'))
}
