/** Two peers as processes: what each says of the other, and of its end. */
import { describe, expect, test } from 'bun:test'
import { eventually } from '../support/network-peer.ts'
import { EXECUTABLE, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

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
    await using first = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'first' })
    await using second = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'second' })
    const output = async (peer: PeerProcess, ...args: string[]) => {
      const { exitCode, stdout, stderr } = await peer.run([EXECUTABLE, ...args])
      expect([args, exitCode, stderr]).toEqual([args, 0, ''])
      return stdout
    }
    await first.start()
    const { addresses } = JSON.parse(await output(first, 'id', '--json'))
    await second.start('--bootstrap', addresses[0])
    const { id } = JSON.parse(await output(second, 'id', '--json'))
    expect(await output(first, 'health')).toBe('healthy\n')

    for (const peer of [first, second]) {
      await eventually('both are listed', async () => {
        const listed = await output(peer, 'peers', 'ls')
        return (
          /\| first \| Sees 1 other peers\n/.test(listed) && /\| second \| Sees 1 other peers\n/.test(listed)
        )
      })
      await eventually('both and their IPFS nodes are connected', async () => {
        const edges = (await output(peer, 'health', 'graph')).match(/^[CTI]\d -> [CTI]\d$/gm) ?? []
        return edges.length === 6
      })
      await eventually('both have room', async () => {
        const listed = await output(peer, 'health', 'metrics', 'freespace')
        return (listed.match(/\| freespace: [\d.]+ [kMGTPE]?B \| Expires in: /g) ?? []).length === 2
      })
    }
    const added = await output(first, 'peers', 'add', id)
    expect(added).toContain('| second | Sees')
    expect((await output(first, 'health', 'metrics')).split('\n')).toEqual(
      expect.arrayContaining(['freespace', 'ping', 'pinqueue', 'tag:group']),
    )
    expect(await output(first, 'health', 'bandwidth')).toContain('/ipfscluster/1.0/rpc: In:')
    expect(await output(first, 'health', 'alerts')).toBe('')

    await second.stop('SIGKILL')
    await eventually('the first misses it', async () => {
      const alerts = await output(first, 'health', 'alerts')
      return alerts.includes(`${id}: ping. Expired at: `) && alerts.includes(`${id}: freespace. `)
    })
    expect(await output(first, 'peers', 'ls')).not.toContain('| second |')
    const removal = await first.run([EXECUTABLE, 'peers', 'rm', id])
    expect([removal.exitCode, removal.stdout]).toEqual([0, ''])
  }, 60_000)
})
