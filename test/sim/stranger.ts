/**
 * Somebody who knows the secret of the cluster and whom nobody trusts: announces blocks that pin new content and unpin
 * that of others, on top of the heads of the cluster, and gives them to whoever asks.
 */
import type { CID } from 'multiformats/cid'
import { blockIdOf } from '../../core/crdt/block-id.ts'
import { decodeBroadcast, encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { encodeBlock } from '../../core/crdt/dag-node.ts'
import { encodeDelta } from '../../core/crdt/delta.ts'
import { encodePin } from '../../core/pin/codec.ts'
import { pinKey } from '../../core/pin/key.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import { contentCid, pinOf } from './content.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Message, SimulatedNetwork } from './simulated-network.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface StrangerInit {
  id: PeerIdText
  network: SimulatedNetwork
  time: VirtualTime
  random: SeededRandom
  /** CIDs that the cluster uses. */
  contents: readonly CID[]
  /** Milliseconds between two of its writes, at most. */
  pause: number
}

/** Higher than any honest block gets. */
const highPriority = 1_000_000n

/** Blocks that it writes. */
const most = 30

export class Stranger {
  /** What it wrote. */
  readonly blocks = new Map<string, { cid: CID; bytes: Uint8Array }>()
  readonly #init: StrangerInit
  #heads: CID[] = []

  constructor(init: StrangerInit) {
    this.#init = init
  }

  start(): void {
    const { network, id } = this.#init
    network.join(id, { receive: (from, message) => this.#receive(from, message), met() {} })
    this.#again()
  }

  #again(): void {
    const { time, random, pause } = this.#init
    time.after(random.between(0, pause), () => {
      this.#write()
      if (this.blocks.size < most) this.#again()
    })
  }

  #receive(from: PeerIdText, message: Message): void {
    const { network, id } = this.#init
    if (message.type === 'announcement') this.#heads = decodeBroadcast(message.bytes)
    if (message.type !== 'want') return
    const bytes = this.blocks.get(message.cid.toString())?.bytes
    network.send(id, from, { type: 'block', request: message.request, bytes })
  }

  #write(): void {
    const { network, id, random, contents } = this.#init
    const number = this.blocks.size
    const cid = random.chance(0.5) ? random.pick(contents) : contentCid(`strange ${number}`)
    const key = pinKey(cid)
    const pin = pinOf(cid, { name: `strange ${number}` })
    const delta = {
      priority: highPriority + BigInt(number),
      elements: random.chance(0.5) ? [{ key, value: encodePin(pin) }] : [],
      tombstones: this.#heads.map((head) => ({ key, blockId: blockIdOf(head) })),
    }
    const block = encodeBlock(encodeDelta(delta), random.chance(0.5) ? this.#heads : [])
    this.blocks.set(block.cid.toString(), block)
    for (const bytes of encodeBroadcasts([block.cid])) network.publish(id, { type: 'announcement', bytes })
  }
}
