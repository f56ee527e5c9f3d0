/** Two peers as processes: what each says of the other, and of its end. */
import { describe, expect, test } from 'bun:test'
import { eventually } from '../support/network-peer.ts'
import { EXECUTABLE, hasExecutable, startTwo, whyMissing } from './peer-process.ts'

const environment = {
  CLUSTER_SECRET: 'cd'.repeat(32),
  CLUSTER_MONITORPINGINTERVAL: '1s',
  CLUSTER_PUBSUBMON_CHECKINTERVAL: '500ms',
  CLUSTER_DISK_METRICTTL: '2s',
  CLUSTER_TAGS_METRICTTL: '2s',
  CLUSTER_PINQUEUE_METRICTTL: '2s',
  CLUSTER_IPFSHTTP_CONNECTSWARMSDELAY: '1s',
}

describe.skipIf(!hasExecutable)(`two peers as processes${whyMissing}`, () => {
  test('list each other, draw their connections, and miss one that is killed', async () => {
    await using peers = await startTwo(environment)
    const { first, second } = peers
    const { id } = JSON.parse(await second.output('id', '--json'))
    expect(await first.output('health')).toBe('healthy\n')

    for (const peer of [first, second]) {
      await eventually('both are listed', async () => {
        const listed = await peer.output('peers', 'ls')
        return (
          /\| first \| Sees 1 other peers\n/.test(listed) && /\| second \| Sees 1 other peers\n/.test(listed)
        )
      })
      await eventually('both and their IPFS nodes are connected', async () => {
        const edges = (await peer.output('health', 'graph')).match(/^[CTI]\d -> [CTI]\d$/gm) ?? []
        return edges.length === 6
      })
      await eventually('both have room', async () => {
        const listed = await peer.output('health', 'metrics', 'freespace')
        return (listed.match(/\| freespace: [\d.]+ [kMGTPE]?B \| Expires in: /g) ?? []).length === 2
      })
    }
    const added = await first.output('peers', 'add', id)
    expect(added).toContain('| second | Sees')
    expect((await first.output('health', 'metrics')).split('\n')).toEqual(
      expect.arrayContaining(['freespace', 'ping', 'pinqueue', 'tag:group']),
    )
    expect(await first.output('health', 'bandwidth')).toContain('/ipfscluster/1.0/rpc: In:')
    expect(await first.output('health', 'alerts')).toBe('')

    await second.stop('SIGKILL')
    await eventually('the first misses it', async () => {
      const alerts = await first.output('health', 'alerts')
      return alerts.includes(`${id}: ping. Expired at: `) && alerts.includes(`${id}: freespace. `)
    })
    expect(await first.output('peers', 'ls')).not.toContain('| second |')
    const removal = await first.run([EXECUTABLE, 'peers', 'rm', id])
    expect([removal.exitCode, removal.stdout]).toEqual([0, ''])
  }, 60_000)
})
