/**
 * The built daemon under somebody who holds the secret of its cluster and sends without end: it goes on serving, its memory
 * stays bounded, its pinset stays what it was, and its log says who it was.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { encodeBlock } from '../../core/crdt/dag-node.ts'
import { encodeDelta } from '../../core/crdt/delta.ts'
import { rpcProtocol } from '../../core/network/remote-calls.ts'
import { encoded, joined } from '../../core/network/rpc/client.ts'
import { serviceIdWire } from '../../core/network/rpc/wire-types.ts'
import { syncProtocol } from '../../core/network/sync/protocol.ts'
import { headsTopic, metricsTopic } from '../../core/network/topics.ts'
import { ProtobufWriter } from '../../core/pin/protobuf.ts'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { OurPeer } from '../interop/rig/our-peer.ts'
import { eventually, withLogs } from '../interop/rig/test-cluster.ts'
import { type NetworkPeer, startNetworkPeer, testSecret } from '../support/network-peer.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import { Attacker, plainSocket } from './attacker.ts'

const timeout = 240_000
const MiB = 1024 * 1024

/** Bytes of memory that the daemon may keep on top of what it had before; twice as much while it has not collected garbage. */
const mostGrowth = 512 * MiB

const clusterName = 'attacked'

describe.skipIf(!hasExecutable)(`the daemon outlives${whyMissing}`, () => {
  const stack = new AsyncDisposableStack()
  let peer: OurPeer
  let before: number

  beforeAll(async () => {
    peer = stack.use(await OurPeer.create())
    peer.configure(({ cluster, consensus }) => {
      cluster.secret = testSecret
      consensus.crdt.cluster_name = clusterName
    })
    await peer.start()
    await peer.client.pin(cidOf('ours').toString())
    before = memory()
  }, timeout)
  afterAll(() => stack.disposeAsync(), timeout)

  attack('calls that never end', async (attacker) => {
    const block = joined(Uint8Array.of(0x81, 0xa1, 0x64, 0xdb, 0, 0x70, 0, 0), new Uint8Array(6 * MiB))
    const call = joined(encoded(serviceIdWire, { Name: 'IPFSConnector', Method: 'BlockStream' }), block)
    await everywhere(attacker, rpcProtocol, 60, call)
  })

  attack('bitswap messages that never end', async (attacker) => {
    // A length of 4 MiB, and all but the end.
    await everywhere(
      attacker,
      '/ipfs/bitswap/1.2.0',
      64,
      joined(Uint8Array.of(0x80, 0x80, 0x80, 2), new Uint8Array(4 * MiB - 1)),
    )
  })

  attack('frames of sync that never end', async (attacker) => {
    await everywhere(
      attacker,
      syncProtocol,
      4,
      joined(Uint8Array.of(0x80, 0x80, 0x80, 2), new Uint8Array(4 * MiB - 1)),
    )
  })

  attack('streams without number, on which nothing is said', async (attacker) => {
    for (const protocol of [
      rpcProtocol,
      syncProtocol,
      '/ipfs/bitswap/1.2.0',
      '/ipfs/lan/kad/1.0.0',
      '/ipfs/ping/1.0.0',
    ]) {
      await everywhere(attacker, protocol, 100, new Uint8Array(0))
    }
  })

  test(
    'connections without number, on which nothing is said',
    () =>
      withLogs([peer], async () => {
        await Promise.all(Array.from({ length: 300 }, () => plainSocket(peer.swarmPort)))
        await expectWell()
      }),
    timeout,
  )

  test(
    'a flood of sound messages of other peers',
    () =>
      withLogs([peer], async () => {
        await using stranger = await startNetworkPeer({
          settings: { clusterName, peerAddresses: [peer.address] },
        })
        const { pubsub } = stranger.network.host.services
        await eventually('subscribed', () => pubsub.getSubscribers(metricsTopic).length > 0)
        const heads = encodeBroadcasts(
          Array.from({ length: 4_096 }, (_, index) => cidOf(`nothing ${index}`)),
        )[0]!
        // What it does not read in time costs the sender its stream, which opens again later.
        for (let sent = 0; sent < 64 * MiB; sent += heads.length) {
          await pubsub.publish(headsTopic(clusterName), heads)
          await Bun.sleep(0)
        }
        await eventually('it has got some', async () => {
          await pubsub.publish(headsTopic(clusterName), heads)
          const received = Object.entries(await peer.client.bandwidth())
          return received.some(([name, { total_in }]) => name.includes('meshsub') && total_in > MiB)
        })
        await expectWell()
      }),
    timeout,
  )

  test(
    'blocks of 10 MB',
    () =>
      withLogs([peer], async () => {
        await using stranger = await startNetworkPeer({
          settings: { clusterName, peerAddresses: [peer.address] },
        })
        await announceLargeBlock(stranger)
        await eventually('it is told who sent it', () =>
          peer
            .log()
            .split('\n')
            .some((line) => line.includes('broken stream') && line.includes(stranger.id)),
        )
        await expectWell()
      }),
    timeout,
  )

  test(
    'all of it without a change of its pinset',
    async () => {
      expect(await peer.pins()).toHaveLength(1)
      expect(peer.log()).not.toContain('ERROR')
    },
    timeout,
  )

  function attack(what: string, run: (attacker: Attacker) => Promise<void>): void {
    test(
      what,
      () =>
        withLogs([peer], async () => {
          await using attacker = await Attacker.create()
          await run(attacker)
          await expectWell()
        }),
      timeout,
    )
  }

  /** Opens as many streams as the other side lets it, up to `count`, and sends `bytes` on each. */
  async function everywhere(
    attacker: Attacker,
    protocol: string,
    count: number,
    bytes: Uint8Array,
  ): Promise<void> {
    for (let opened = 0; opened < count; opened++) await attacker.begin(peer.address, protocol, bytes)
  }

  async function expectWell(): Promise<void> {
    expect((await peer.client.id()).id).toBe(peer.id)
    expect(memory() - before).toBeLessThan(2 * mostGrowth)
    // What it has let go of goes back to the system a moment later.
    await eventually('memory is as it was, almost', () => memory() - before < mostGrowth, 30_000)
    await using newcomer = await startNetworkPeer({
      settings: { clusterName, peerAddresses: [peer.address] },
    })
    await eventually('it follows', () => newcomer.store.counts().pins === 1)
  }

  function memory(): number {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${peer.daemon.pid}/status`, 'utf8'))!
    return Number(kilobytes) * 1024
  }
})

/** Announces a head of 10 MB, and sends it whatever it is asked for. */
async function announceLargeBlock({ network: { host } }: NetworkPeer): Promise<void> {
  const element = { key: '/LARGE', value: new Uint8Array(10_000_000) }
  const { cid, bytes } = encodeBlock(encodeDelta({ elements: [element], tombstones: [], priority: 9n }), [])
  const writer = new ProtobufWriter(bytes.length + 64)
  writer.message(3, () => {
    writer.bytes(1, cid.bytes.subarray(0, 4))
    writer.bytes(2, bytes)
  })
  const message = writer.finish()
  const asked = Promise.withResolvers<void>()
  for (const protocol of ['/ipfs/bitswap/1.2.0', syncProtocol]) {
    await host.unhandle(protocol)
    await host.handle(protocol, async (stream, connection) => {
      const answer = protocol === syncProtocol ? stream : await connection.newStream(protocol)
      answer.send(framed(message))
      asked.resolve()
    })
  }
  const topic = headsTopic(clusterName)
  const { pubsub } = host.services
  await eventually('subscribed', () => pubsub.getSubscribers(topic).length > 0)
  await pubsub.publish(topic, encodeBroadcasts([cid])[0]!)
  await asked.promise
}

function framed(message: Uint8Array): Uint8Array {
  const length: number[] = []
  let rest = message.length
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return joined(Uint8Array.from([...length, rest]), message)
}
