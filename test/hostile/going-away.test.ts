/** Whatever a peer begins ends when it goes away, at whatever stage of whatever protocol. */
import { expect, test } from 'bun:test'
import { rpc } from '../../core/network/rpc/methods.ts'
import { statusPageToWire } from '../../core/network/rpc/status-pages.ts'
import { eventually, type NetworkPeer, startNetworkPeer } from '../support/network-peer.ts'
import { pinOf } from '../unit/store/fixtures.ts'
import { Attacker } from './attacker.ts'
import { goodMessages } from './protocol-messages.ts'

const handlers = () => [
  { method: rpc.version, handle: () => new Promise<never>(() => undefined) },
  { method: rpc.statusPage, handle: async () => statusPageToWire([], undefined) },
  {
    method: rpc.blockStream,
    async *handle(nodes: AsyncIterable<unknown>) {
      for await (const _ of nodes);
      // Never answers, and looks at nothing.
      await new Promise(() => undefined)
      yield* []
    },
  },
]

async function startTarget(): Promise<NetworkPeer> {
  const target = await startNetworkPeer({
    handlers,
    inbound: { perSecond: 1_000_000, pending: 1_000, pendingPerAddress: 1_000 },
  })
  for (let index = 0; index < 20; index++)
    await target.store.write([{ kind: 'pin', pin: pinOf(`pin ${index}`) }])
  return target
}

/** What the target still does for those who have gone. */
function left({ network }: NetworkPeer) {
  const streams = network.host.getConnections().flatMap((connection) => connection.streams)
  return { ...network.begunByOthers(), streams: streams.length }
}
const nothing = { calls: 0, callBytes: 0, syncSessions: 0, bitswapBytes: 0, streams: 0 }

test('of what a peer begins in any protocol and leaves as it is, nothing is left when it goes away', async () => {
  await using target = await startTarget()
  const messages = new Map(goodMessages(`${target.store.heads()[0]!.cid}`))
  const served = target.network.host.getProtocols()
  expect(served.length).toBeGreaterThan(8)
  let most = { ...nothing }
  for (const protocol of served) {
    const whole = [...(messages.get(protocol) ?? []), new Uint8Array(5_000).fill(0x7f)]
    const halves = whole.map((bytes) => bytes.subarray(0, Math.ceil(bytes.length / 2)))
    await using attacker = await Attacker.create()
    const parts = [new Uint8Array(0), ...halves, ...whole]
    // Opened only, and after half a message, and after a whole one whose answer is not read; with an end and without.
    for (const [bytes, ended] of parts.flatMap((part) => [[part, false] as const, [part, true] as const])) {
      await attacker.begin(target.address, protocol, bytes, ended)
      const now = left(target)
      most = Object.fromEntries(
        Object.entries(most).map(([key, value]) => [key, Math.max(value, now[key as keyof typeof now])]),
      ) as typeof most
    }
    await attacker[Symbol.asyncDispose]()
    await eventually(`nothing is left of ${protocol}: ${JSON.stringify(left(target))}`, () =>
      Bun.deepEquals(left(target), nothing),
    )
  }
  // It was something, or this test would prove nothing.
  for (const count of [most.calls, most.callBytes, most.syncSessions, most.bitswapBytes, most.streams])
    expect(count).toBeGreaterThan(0)
}, 120_000)
