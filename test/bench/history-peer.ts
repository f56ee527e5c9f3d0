/**
 * A peer's network in a process of its own, for `catch-up.ts`: holds a history of as many one-delta pins as its first
 * argument says, or joins the peer whose address is the second. Tells its address and how it goes, a line each.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { encodePin } from '../../core/pin/codec.ts'
import { pinKey } from '../../core/pin/key.ts'
import type { DagBlock } from '../../core/runtime/store.ts'
import { deltaBlock } from '../support/crdt-blocks.ts'
import { startNetworkPeer } from '../support/network-peer.ts'
import { pinOf } from '../unit/store/fixtures.ts'

const [count = '0', address] = process.argv.slice(2)
const total = Number(count)
await using peer = await startNetworkPeer({
  privateKey: await generateKeyPair('Ed25519'),
  settings: { ...(address !== undefined && { peerAddresses: [address] }), rebroadcastInterval: 2_000 },
})
if (address === undefined) await fill()
tell({ address: peer.address })
let began = 0
let before = process.cpuUsage()
while (peer.store.counts().blocks < total) {
  if (began === 0 && peer.network.connectedPeers().length > 0) {
    began = performance.now()
    before = process.cpuUsage()
  }
  await Bun.sleep(20)
}
const { user, system } = process.cpuUsage(before)
tell({
  seconds: (performance.now() - began) / 1_000,
  cpu: (user + system) / 1e6,
  memory: process.memoryUsage().rss,
})
// The process that started it ends it by closing its input.
for await (const _ of process.stdin);

async function fill(): Promise<void> {
  let blocks: DagBlock[] = []
  let parent: DagBlock | undefined
  for (let index = 1; index <= total; index++) {
    const pin = pinOf(`pin number ${index}`)
    const elements = [{ key: pinKey(pin.cid), value: encodePin(pin) }]
    parent = deltaBlock(
      { priority: BigInt(index), elements, tombstones: [] },
      parent === undefined ? [] : [parent.cid],
    )
    blocks.push(parent)
    if (blocks.length < 1_000 && index < total) continue
    await peer.store.merge(blocks)
    blocks = []
  }
}

function tell(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
