/**
 * The process that is attacked: a peer's network on loopback with a few pins. It writes its address, then answers each line
 * on stdin with its resident memory, until stdin ends.
 */
import { createInterface } from 'node:readline'
import { rpc } from '../../core/network/rpc/methods.ts'
import { statusPageToWire } from '../../core/network/rpc/status-pages.ts'
import { startNetworkPeer } from '../support/network-peer.ts'
import { pinOf } from '../unit/store/fixtures.ts'

await using peer = await startNetworkPeer({
  inbound: { perSecond: 1_000_000, pending: 1_000, pendingPerAddress: 1_000 },
  handlers: () => [
    { method: rpc.version, handle: async () => ({ v: 'alive' }) },
    { method: rpc.statusPage, handle: async () => statusPageToWire([], undefined) },
    {
      method: rpc.blockStream,
      async *handle(nodes: AsyncIterable<unknown>) {
        for await (const _ of nodes);
        yield* []
      },
    },
  ],
})
for (let index = 0; index < 10; index++) await peer.store.write([{ kind: 'pin', pin: pinOf(`pin ${index}`) }])
tell({ address: peer.address, id: peer.id, head: peer.store.heads()[0]!.cid.toString() })
for await (const _ of createInterface({ input: process.stdin })) {
  Bun.gc(true)
  tell({ memory: process.memoryUsage().rss, refused: Object.fromEntries(peer.network.refused()) })
}

function tell(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
