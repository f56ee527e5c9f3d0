/**
 * How a simulated peer replicates: it announces its heads, walks down from the heads of others (`core/crdt/dag-walk.ts`),
 * asks peer after peer for the blocks it lacks, and merges them. Blocks that wait for others are lost with the process.
 */
import type { CID } from 'multiformats/cid'
import { decodeBroadcast, encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { DagWalk } from '../../core/crdt/dag-walk.ts'
import type { Scheduler } from '../../core/runtime/ports.ts'
import type { Store } from '../../core/runtime/store.ts'
import { StoreFullError } from '../../core/store/errors.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Message, SimulatedNetwork } from './simulated-network.ts'

/** Milliseconds for which head changes are collected before they are announced. */
const announceDelay = 50
/** Milliseconds between announcements of heads that have not changed. */
const rebroadcastInterval = 5_000
/** Milliseconds until another peer is asked for a block. */
const wantTimeout = 500
/** Blocks merged at once. */
const mergeLimit = 20

export interface ExchangeInit {
  name: string
  others: readonly string[]
  store: Store
  network: SimulatedNetwork
  scheduler: Scheduler
  random: SeededRandom
  /** Told of what must never happen. */
  fail(error: unknown): void
}

interface Want {
  cid: CID
  /** Peers that are still to be asked. */
  left: string[]
}

export class Exchange {
  readonly #init: ExchangeInit
  readonly #walk: DagWalk
  readonly #wants = new Map<number, Want>()
  readonly #parked = new Map<string, Uint8Array>()
  #announcing = false
  #merging = false

  constructor(init: ExchangeInit) {
    this.#init = init
    this.#walk = new DagWalk({ isMerged: (cid) => init.store.hasBlock(cid) })
  }

  start(): void {
    const { network, name, store } = this.#init
    network.listen(name, (from, message) => this.#receive(from, message))
    store.onChange(() => this.#announceSoon())
    this.#rebroadcast()
  }

  #rebroadcast(): void {
    const { scheduler, random } = this.#init
    this.#announce()
    this.#walk.retryFailed()
    this.#fetch()
    this.#merge().catch(this.#init.fail)
    scheduler.after(rebroadcastInterval * (0.7 + 0.6 * random.float()), () => this.#rebroadcast())
  }

  #announceSoon(): void {
    if (this.#announcing) return
    this.#announcing = true
    this.#init.scheduler.after(announceDelay, () => {
      this.#announcing = false
      this.#announce()
    })
  }

  #announce(): void {
    const { network, name, store } = this.#init
    for (const bytes of encodeBroadcasts(store.heads().map(({ cid }) => cid))) network.publish(name, bytes)
  }

  #receive(from: string, message: Message): void {
    switch (message.type) {
      case 'announcement':
        this.#walk.announce(decodeBroadcast(message.bytes), from)
        this.#fetch()
        break
      case 'want':
        this.#answer(from, message.request, message.cid)
        break
      case 'block':
        this.#take(from, message.request, message.bytes)
        break
    }
  }

  #answer(to: string, request: number, cid: CID): void {
    const { network, name, store } = this.#init
    network.send(name, to, { type: 'block', request, bytes: store.block(cid) })
  }

  #fetch(): void {
    const { others, random } = this.#init
    for (const cid of this.#walk.takeWants()) {
      const request = this.#init.network.newRequest()
      const left = [...others].sort(() => random.float() - 0.5)
      this.#wants.set(request, { cid, left })
      this.#ask(request)
    }
  }

  /** Asks the next peer; none left = the block cannot be had now. */
  #ask(request: number): void {
    const { network, name, scheduler } = this.#init
    const want = this.#wants.get(request)
    if (want === undefined) return
    const peer = want.left.shift()
    if (peer === undefined) {
      this.#wants.delete(request)
      this.#walk.failed(want.cid)
      this.#fetch()
      return
    }
    network.send(name, peer, { type: 'want', request, cid: want.cid })
    const asked = want.left.length
    scheduler.after(wantTimeout, () => {
      if (want.left.length === asked) this.#ask(request)
    })
  }

  #take(from: string, request: number, bytes: Uint8Array | undefined): void {
    const want = this.#wants.get(request)
    if (want === undefined) return
    if (bytes === undefined) {
      this.#ask(request)
      return
    }
    this.#wants.delete(request)
    const { park, refused } = this.#walk.received(want.cid, bytes, from)
    for (const { reason } of refused) this.#init.fail(new Error(`a good block is refused: ${reason}`))
    if (park) this.#parked.set(want.cid.toString(), bytes)
    this.#fetch()
    this.#merge().catch(this.#init.fail)
  }

  async #merge(): Promise<void> {
    if (this.#merging) return
    this.#merging = true
    while (await this.#mergeSome());
    this.#merging = false
  }

  /** False when nothing is left to merge, or nothing can be merged now. */
  async #mergeSome(): Promise<boolean> {
    const ready = this.#walk.takeReady(mergeLimit)
    if (ready.length === 0) return false
    try {
      await this.#init.store.merge(ready.map((cid) => ({ cid, bytes: this.#parked.get(cid.toString())! })))
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error
      this.#walk.notMerged(ready)
      return false
    }
    this.#walk.merged(ready)
    for (const cid of ready) this.#parked.delete(cid.toString())
    return true
  }
}
