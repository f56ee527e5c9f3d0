/** The status of all pins, asked of one of three whole peers in this process. */
import { expect, test } from 'bun:test'
import type { Pin } from '../../../core/pin/pin.ts'
import { eventually } from '../../support/network-peer.ts'
import { startWholePeer, type WholePeer } from '../../support/whole-peer.ts'
import { cidOf, pinOf } from '../store/fixtures.ts'

const pins = 200
/** Of every other pin: all of them do not fit into one page. */
const manyBytes = { text: 'x'.repeat(4_000) }

function optionsOf(name: string) {
  const { cid: _, type: _1, allocations: _2, maxDepth: _3, ...options } = pinOf(name) satisfies Pin
  return options
}

async function write({ peer }: WholePeer): Promise<void> {
  const names = Array.from({ length: pins }, (_, index) => `pin ${index}`)
  await Promise.all(
    names.map((name, index) => {
      const metadata = index % 2 === 0 ? manyBytes : {}
      return peer.service.pin(cidOf(name), { ...optionsOf(name), metadata })
    }),
  )
}

/** Nobody is missed while the machine is busy. */
const patient = (json: { cluster: Record<string, unknown> }) => {
  json.cluster.monitor_ping_interval = '60s'
}

const countOf = async ({ peer }: WholePeer) =>
  (await Array.fromAsync(peer.service.allocations(undefined))).length

test('comes from all peers, in the order of CIDs, over pages of our own', async () => {
  await using one = await startWholePeer({ name: 'one', configure: patient })
  const bootstrap = { addresses: [one.address], trusted: true }
  await using two = await startWholePeer({ name: 'two', bootstrap, configure: patient })
  await using three = await startWholePeer({ name: 'three', bootstrap, configure: patient })
  const all = [one, two, three]
  await write(one)
  for (const peer of all) {
    await eventually('it has all pins', async () => (await countOf(peer)) === pins, 30_000)
    await eventually(
      'it knows all members',
      async () => (await peer.peer.service.identity()).clusterPeers.length === 3,
      30_000,
    )
  }
  const reports = await Array.fromAsync(two.peer.service.statusAll(0, { local: false }))
  expect(reports).toHaveLength(pins)
  const keys = reports.map(({ cid }) => Buffer.from(cid.bytes))
  expect(keys).toEqual(keys.toSorted(Buffer.compare))
  for (const { peerMap, name, cid } of reports) {
    expect(cid).toEqual(cidOf(name))
    expect([...peerMap.keys()].sort()).toEqual(all.map(({ id }) => id).sort())
    expect(peerMap.get(three.id)).toMatchObject({ status: 'pin_queued', peerName: 'three' })
  }
  const traffic = two.peer.service.bandwidth().get('/ipfscluster/pages/1.0.0')
  expect(traffic?.totalIn).toBeGreaterThan(pins * 2 * 40)
  expect(await Array.fromAsync(two.peer.service.statusAll(16, { local: false }))).toEqual([])
}, 90_000)
