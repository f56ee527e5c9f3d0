/**
 * Keeps the pinset equal on all peers: announces new heads, follows the heads that others announce down to what is merged
 * here, and merges what it fetched, parents first (`spec/wire.md` §3.4, §3.5).
 */
import type { CID } from 'multiformats/cid'
import { decodeBroadcast, encodeBroadcasts } from '../crdt/broadcast.ts'
import { DagWalk, type RefusedBlock } from '../crdt/dag-walk.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { Store } from '../runtime/store.ts'

/** Where heads are announced. Only messages of trusted signers come out of it. */
export interface HeadsChannel {
  publish(message: Uint8Array): Promise<void>
  /** Returns the function that ends it. */
  subscribe(listener: (message: Uint8Array, signer: PeerIdText) => void): () => void
}

/** Where blocks of the pinset come from. The bytes need not be checked. */
export interface PinsetBlocks {
  /** `announcer`: who is likely to have it. Rejects when nobody gives it in time, or with the signal's reason. */
  fetch(cid: CID, announcer: PeerIdText | undefined, signal: AbortSignal): Promise<FetchedBlock>
  /** These are in the store from now on: other peers may wait for them. */
  merged(cids: readonly CID[]): void
}

export interface FetchedBlock {
  bytes: Uint8Array
  from: PeerIdText
}

/** Room for blocks whose parents are not merged yet. What is lost is fetched again. */
export interface ParkedBlocks {
  put(cid: CID, bytes: Uint8Array): void
  get(cid: CID): Uint8Array | undefined
  delete(cids: readonly CID[]): void
}

export interface ReplicationInit {
  store: Pick<Store, 'heads' | 'hasBlock' | 'merge' | 'onChange'>
  channel: HeadsChannel
  blocks: PinsetBlocks
  parked: ParkedBlocks
  /** Milliseconds between two announcements of heads that nobody announced meanwhile; ±30 % at random. */
  rebroadcastInterval: number
  runtime: Runtime
}

/** Milliseconds between two announcements of new heads: 20 a second. */
const announceInterval = 50
/** Milliseconds until blocks that nobody gave are asked for again, and those that were not merged are merged. */
const retryInterval = 5_000
/** Blocks, and bytes of blocks, merged in one transaction. */
const mergeBlocks = 64
const mergeBytes = 4 * 1024 * 1024
/** Heads remembered as announced by others within one period. */
const maxSeen = 100_000

export class Replication implements AsyncDisposable {
  readonly #init: ReplicationInit
  readonly #logger: Logger
  readonly #walk: DagWalk
  readonly #closing = new AbortController()
  readonly #timers = new Map<'announce' | 'rebroadcast' | 'retry', Timer>()
  readonly #fetches = new Set<Promise<void>>()
  /** Heads that were announced in this period, by others or by this peer. */
  readonly #seen = new Set<string>()
  #announcer: PeerIdText | undefined
  #merging: Promise<void> | undefined
  #mergeAgain = false
  readonly #stops: (() => void)[] = []

  constructor(init: ReplicationInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('crdt')
    this.#walk = new DagWalk({ isMerged: (cid) => init.store.hasBlock(cid) })
  }

  start(): void {
    const { channel, store } = this.#init
    this.#stops.push(channel.subscribe((message, signer) => this.#received(message, signer)))
    this.#stops.push(store.onChange(() => this.#announceSoon()))
    this.#scheduleRebroadcast()
    this.#announceSoon()
  }

  /** Blocks that are known of and not merged. */
  get behind(): number {
    return this.#walk.size
  }

  #announceSoon(): void {
    if (this.#timers.has('announce')) return
    this.#after('announce', announceInterval, () => this.#announce())
  }

  /** Announces the heads that were not announced in this period. */
  #announce(): void {
    const news = this.#init.store.heads().filter(({ cid }) => !this.#seen.has(cid.toString()))
    for (const { cid } of news) this.#remember(cid)
    for (const message of encodeBroadcasts(news.map(({ cid }) => cid))) {
      this.#init.channel.publish(message).catch((error: unknown) => {
        this.#logger.debug('heads could not be announced', { error: String(error) })
      })
    }
  }

  #scheduleRebroadcast(): void {
    const { rebroadcastInterval, runtime } = this.#init
    this.#after('rebroadcast', rebroadcastInterval * (0.7 + 0.6 * runtime.random.float()), () => {
      this.#announce()
      this.#seen.clear()
      this.#scheduleRebroadcast()
    })
  }

  #received(message: Uint8Array, signer: PeerIdText): void {
    let heads: CID[]
    try {
      heads = decodeBroadcast(message)
    } catch (error) {
      this.#logger.warn('an announcement of heads is refused', { peer: signer, error: String(error) })
      return
    }
    for (const cid of heads) this.#remember(cid)
    this.#report(this.#walk.announce(heads, signer))
    this.#announcer = signer
    this.#fetch()
  }

  #remember(cid: CID): void {
    if (this.#seen.size >= maxSeen) this.#seen.clear()
    this.#seen.add(cid.toString())
  }

  #fetch(): void {
    if (this.#closing.signal.aborted) return
    for (const cid of this.#walk.takeWants()) {
      const fetch = this.#fetchOne(cid).finally(() => this.#fetches.delete(fetch))
      this.#fetches.add(fetch)
    }
    if (this.#walk.failedCount > 0) this.#retrySoon()
  }

  #retrySoon(): void {
    if (this.#timers.has('retry')) return
    this.#after('retry', retryInterval, () => {
      this.#walk.retryFailed()
      this.#fetch()
      this.#mergeReady()
    })
  }

  async #fetchOne(cid: CID): Promise<void> {
    const { blocks, parked } = this.#init
    const kept = parked.get(cid)
    try {
      const { bytes, from } =
        kept === undefined
          ? await blocks.fetch(cid, this.#announcer, this.#closing.signal)
          : { bytes: kept, from: 'the disk' }
      const { park, refused } = this.#walk.received(cid, bytes, from)
      if (park && kept === undefined) parked.put(cid, bytes)
      // A copy that went bad on the disk is not to be read again.
      if (refused.length > 0 && kept !== undefined) parked.delete([cid])
      this.#report(refused)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#logger.debug('a block of the pinset could not be had', { cid: String(cid), error: String(error) })
      this.#walk.failed(cid)
    }
    this.#fetch()
    this.#mergeReady()
  }

  #mergeReady(): void {
    this.#mergeAgain = this.#merging !== undefined
    this.#merging ??= this.#mergeAll()
      .catch((error: unknown) => {
        this.#logger.error('merging of blocks broke off; it is tried again', { error: String(error) })
        this.#retrySoon()
      })
      .finally(() => {
        this.#merging = undefined
        // A block may have become ready after the last look, and before this.
        if (this.#mergeAgain && !this.#closing.signal.aborted) this.#mergeReady()
      })
  }

  async #mergeAll(): Promise<void> {
    for (;;) {
      const ready = this.#walk.takeReady(mergeBlocks)
      if (ready.length === 0 || this.#closing.signal.aborted) return
      if (!(await this.#merge(ready))) return
    }
  }

  /** False when the store refused: the blocks are merged later. */
  async #merge(ready: CID[]): Promise<boolean> {
    const { store, parked, blocks } = this.#init
    for (let at = 0; at < ready.length; ) {
      const batch: { cid: CID; bytes: Uint8Array }[] = []
      try {
        for (
          let bytes = 0;
          at + batch.length < ready.length && (batch.length === 0 || bytes < mergeBytes);
        ) {
          const cid: CID = ready[at + batch.length]!
          const block = parked.get(cid) ?? (await this.#fetchAgain(cid))
          batch.push({ cid, bytes: block })
          bytes += block.length
        }
        await store.merge(batch)
      } catch (error) {
        this.#walk.notMerged(ready.slice(at))
        this.#logger.warn('blocks of the pinset could not be merged; they are tried again', {
          error: String(error),
        })
        this.#retrySoon()
        return false
      }
      const merged = batch.map(({ cid }) => cid)
      this.#walk.merged(merged)
      parked.delete(merged)
      blocks.merged(merged)
      // Who gave them has them: they are news to nobody, though they may be heads until more is merged.
      for (const cid of merged) this.#remember(cid)
      at += batch.length
    }
    return true
  }

  /** For a block that the disk had no room to park. The store checks what comes. */
  async #fetchAgain(cid: CID): Promise<Uint8Array> {
    const { bytes } = await this.#init.blocks.fetch(cid, this.#announcer, this.#closing.signal)
    return bytes
  }

  #report(refused: RefusedBlock[]): void {
    for (const { cid, reason, final } of refused) {
      this.#logger.warn('a block of the pinset is refused', { reason })
      if (final) this.#init.parked.delete([cid])
    }
  }

  #after(name: 'announce' | 'rebroadcast' | 'retry', ms: number, run: () => void): void {
    if (this.#closing.signal.aborted) return
    this.#timers.set(
      name,
      this.#init.runtime.scheduler.after(ms, () => {
        this.#timers.delete(name)
        run()
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    for (const stop of this.#stops) stop()
    for (const timer of this.#timers.values()) timer.cancel()
    await Promise.all(this.#fetches)
    await this.#merging
  }
}
