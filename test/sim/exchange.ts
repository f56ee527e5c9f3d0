/**
 * The doors of a simulated peer to the others: announcements of heads and blocks, for its replication
 * (`core/network/replication.ts`), and metrics. Blocks that wait for others are lost with the process.
 */
import type { CID } from 'multiformats/cid'
import type { Metric } from '../../core/monitor/metric.ts'
import type {
  FetchedBlock,
  HeadsChannel,
  ParkedBlocks,
  PinsetBlocks,
} from '../../core/network/replication.ts'
import type { TrustedPeers } from '../../core/network/trusted-peers.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { Store } from '../../core/runtime/store.ts'
import type { Incarnation } from './incarnation.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Message, SimulatedNetwork } from './simulated-network.ts'

/** Milliseconds until another peer is asked for a block. */
const wantTimeout = 500

/** Peers that are asked for a block before it counts as not to be had. */
const askedPeers = 4

export interface ExchangeInit {
  self: PeerIdText
  others: readonly PeerIdText[]
  /** Heads of others are not looked at. */
  trusted: Pick<TrustedPeers, 'has'>
  store: Pick<Store, 'block'>
  network: SimulatedNetwork
  incarnation: Incarnation
  random: SeededRandom
  onMetric(metric: Metric): void
  onMet(peer: PeerIdText): void
}

type Answer = (bytes: Uint8Array | undefined) => void

export class Exchange implements HeadsChannel, PinsetBlocks, ParkedBlocks {
  readonly #init: ExchangeInit
  readonly #answers = new Map<number, Answer>()
  readonly #parked = new Map<string, Uint8Array>()
  #heard: ((message: Uint8Array, signer: PeerIdText) => void) | undefined

  constructor(init: ExchangeInit) {
    this.#init = init
  }

  /** Others reach this peer from now on. */
  open(): void {
    const { network, self, incarnation, onMet } = this.#init
    network.join(self, {
      receive: incarnation.heard((from, message) => this.#receive(from, message)),
      met: incarnation.heard(onMet),
    })
  }

  async publish(bytes: Uint8Array): Promise<void> {
    this.#init.network.publish(this.#init.self, { type: 'announcement', bytes })
  }

  publishMetric(metric: Metric): void {
    this.#init.network.publish(this.#init.self, { type: 'metric', metric })
  }

  subscribe(listener: (message: Uint8Array, signer: PeerIdText) => void): () => void {
    this.#heard = listener
    return () => {
      this.#heard = undefined
    }
  }

  async fetch(cid: CID, announcer: PeerIdText | undefined): Promise<FetchedBlock> {
    const { others, random } = this.#init
    const inAnyOrder = others
      .filter((peer) => peer !== announcer)
      .map((peer) => ({ peer, at: random.float() }))
      .sort((a, b) => a.at - b.at)
      .map(({ peer }) => peer)
    const first = announcer === undefined ? [] : [announcer]
    for (const peer of [...first, ...inAnyOrder].slice(0, askedPeers)) {
      const bytes = await this.#ask(peer, cid)
      if (bytes !== undefined) return { bytes, from: peer }
    }
    throw new Error(`nobody gives ${cid}`)
  }

  /** Whoever asks is answered from the store at once, so nobody waits. */
  merged(): void {}

  /** Blocks that are parked. */
  get parked(): number {
    return this.#parked.size
  }

  put(cid: CID, bytes: Uint8Array): void {
    this.#parked.set(cid.toString(), bytes)
  }

  get(cid: CID): Uint8Array | undefined {
    return this.#parked.get(cid.toString())
  }

  delete(cids: readonly CID[]): void {
    for (const cid of cids) this.#parked.delete(cid.toString())
  }

  #receive(from: PeerIdText, message: Message): void {
    const { network, self, store, trusted, onMetric } = this.#init
    switch (message.type) {
      case 'announcement':
        if (trusted.has(from)) this.#heard?.(message.bytes, from)
        break
      case 'metric':
        if (message.metric.peer === from) onMetric(message.metric)
        break
      case 'want':
        network.send(self, from, {
          type: 'block',
          request: message.request,
          bytes: store.block(message.cid),
        })
        break
      case 'block':
        this.#answers.get(message.request)?.(message.bytes)
        break
    }
  }

  /** Undefined when the peer does not have the block, or does not answer in time. */
  #ask(peer: PeerIdText, cid: CID): Promise<Uint8Array | undefined> {
    const { network, self, incarnation } = this.#init
    const request = network.newRequest()
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
    const timer = incarnation.scheduler.after(wantTimeout, () => resolve(undefined))
    this.#answers.set(request, resolve)
    network.send(self, peer, { type: 'want', request, cid })
    return promise.finally(() => {
      timer.cancel()
      this.#answers.delete(request)
    })
  }
}
