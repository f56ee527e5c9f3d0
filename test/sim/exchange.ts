/**
 * The two doors by which a simulated peer replicates (`core/network/replication.ts`): announcements, and blocks that peer
 * after peer is asked for. Blocks that wait for others are lost with the process.
 */
import type { CID } from 'multiformats/cid'
import type {
  FetchedBlock,
  HeadsChannel,
  ParkedBlocks,
  PinsetBlocks,
} from '../../core/network/replication.ts'
import type { Scheduler } from '../../core/runtime/ports.ts'
import type { Store } from '../../core/runtime/store.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Message, SimulatedNetwork } from './simulated-network.ts'

/** Milliseconds until another peer is asked for a block. */
const wantTimeout = 500

export interface ExchangeInit {
  name: string
  others: readonly string[]
  store: Pick<Store, 'block'>
  network: SimulatedNetwork
  scheduler: Scheduler
  random: SeededRandom
}

type Answer = (bytes: Uint8Array | undefined) => void

export class Exchange implements HeadsChannel, PinsetBlocks, ParkedBlocks {
  readonly #init: ExchangeInit
  readonly #answers = new Map<number, Answer>()
  readonly #parked = new Map<string, Uint8Array>()
  #heard: ((message: Uint8Array, signer: string) => void) | undefined

  constructor(init: ExchangeInit) {
    this.#init = init
    init.network.listen(init.name, (from, message) => this.#receive(from, message))
  }

  async publish(message: Uint8Array): Promise<void> {
    this.#init.network.publish(this.#init.name, message)
  }

  subscribe(listener: (message: Uint8Array, signer: string) => void): () => void {
    this.#heard = listener
    return () => {
      this.#heard = undefined
    }
  }

  async fetch(cid: CID): Promise<FetchedBlock> {
    const { others, random } = this.#init
    for (const peer of [...others].sort(() => random.float() - 0.5)) {
      const bytes = await this.#ask(peer, cid)
      if (bytes !== undefined) return { bytes, from: peer }
    }
    throw new Error(`nobody gives ${cid}`)
  }

  /** Whoever asks is answered from the store at once, so nobody waits. */
  merged(): void {}

  put(cid: CID, bytes: Uint8Array): void {
    this.#parked.set(cid.toString(), bytes)
  }

  get(cid: CID): Uint8Array | undefined {
    return this.#parked.get(cid.toString())
  }

  delete(cids: readonly CID[]): void {
    for (const cid of cids) this.#parked.delete(cid.toString())
  }

  #receive(from: string, message: Message): void {
    const { network, name, store } = this.#init
    switch (message.type) {
      case 'announcement':
        this.#heard?.(message.bytes, from)
        break
      case 'want':
        network.send(name, from, {
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
  #ask(peer: string, cid: CID): Promise<Uint8Array | undefined> {
    const { network, name, scheduler } = this.#init
    const request = network.newRequest()
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
    const timer = scheduler.after(wantTimeout, () => resolve(undefined))
    this.#answers.set(request, resolve)
    network.send(name, peer, { type: 'want', request, cid })
    return promise.finally(() => {
      timer.cancel()
      this.#answers.delete(request)
    })
  }
}
