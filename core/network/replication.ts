/**
 * Keeps the pinset equal on all peers: announces new heads, follows the heads that others announce down to what is merged
 * here, and merges what it fetched, parents first (`spec/wire.md` §3.4, §3.5).
 */
import type { CID } from 'multiformats/cid'
import { decodeBroadcast, encodeBroadcasts } from '../crdt/broadcast.ts'
import { DagWalk, type RefusedBlock } from '../crdt/dag-walk.ts'
import { messageOf } from '../error-text.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { DagBlock, Store } from '../runtime/store.ts'
import { CatchUp } from './catch-up.ts'
import type { History } from './history.ts'

/** Where heads are announced. Only messages of trusted signers come out of it. */
export interface HeadsChannel {
  publish(message: Uint8Array): Promise<void>
  /** Returns the function that ends it. */
  subscribe(listener: (message: Uint8Array, signer: PeerIdText) => void): () => void
  /** Calls back when a peer begins to listen, which has not heard what was announced before. */
  onListener?(listener: () => void): () => void
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
  /** Without it all comes block by block. */
  history?: History
  /** Milliseconds between two announcements of heads that nobody announced meanwhile; ±30 % at random. */
  rebroadcastInterval: number
  runtime: Runtime
}

/** Milliseconds between two announcements of new heads: 20 a second. */
const announceInterval = 50
/** Milliseconds until heads are announced to a new listener unless somebody else did it, at least and at most. */
const welcomeDelays = [200, 2_000] as const
/** Milliseconds until blocks that nobody gave are asked for again, and those that were not merged are merged. */
const retryInterval = 5_000
/** Blocks, and bytes of blocks, merged in one transaction. */
const mergeBlocks = 64
const mergeBytes = 4 * 1024 * 1024
/** Heads remembered as announced by others within one period. */
const maxSeen = 100_000

type TimerName = 'announce' | 'rebroadcast' | 'retry' | 'welcome'

export class Replication implements AsyncDisposable {
  readonly #init: ReplicationInit
  readonly #logger: Logger
  readonly #walk: DagWalk
  readonly #closing = new AbortController()
  readonly #timers = new Map<TimerName, Timer>()
  readonly #fetches = new Set<Promise<void>>()
  /** Heads that were announced in this period, by others or by this peer. */
  readonly #seen = new Set<string>()
  readonly #catchUp: CatchUp | undefined
  #announcer: PeerIdText | undefined
  #merging: Promise<void> | undefined
  #mergeAgain = false
  readonly #stops: (() => void)[] = []

  constructor(init: ReplicationInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('crdt')
    this.#walk = new DagWalk({ isMerged: (cid) => init.store.hasBlock(cid) })
    const { history, store } = init
    this.#catchUp =
      history &&
      new CatchUp({
        history,
        store,
        logger: this.#logger,
        signal: this.#closing.signal,
        came: (blocks, peer) => this.#came(blocks, peer),
        giveUp: (heads, peer) => this.#follow(heads, peer),
      })
  }

  start(): void {
    const { channel, store, history } = this.#init
    this.#stops.push(channel.subscribe((message, signer) => this.#received(message, signer)))
    this.#stops.push(store.onChange(() => this.#announceSoon()))
    if (channel.onListener !== undefined) this.#stops.push(channel.onListener(() => this.#welcome()))
    if (history !== undefined) this.#stops.push(history.onPeer((peer) => this.#catchUp?.met(peer)))
    this.#scheduleRebroadcast()
    this.#announceSoon()
  }

  /** Blocks that are known of and not merged. */
  get behind(): number {
    return this.#walk.size + (this.#catchUp?.behind ?? 0)
  }

  #announceSoon(): void {
    if (this.#timers.has('announce')) return
    this.#after('announce', announceInterval, () => this.#announce())
  }

  /** Announces all heads again, but for those that others announce meanwhile. */
  #welcome(): void {
    if (this.#timers.has('welcome')) return
    const [least, most] = welcomeDelays
    this.#seen.clear()
    this.#after('welcome', least + (most - least) * this.#init.runtime.random.float(), () => this.#announce())
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
      this.#scheduleRebroadcast()
      this.#announce()
      this.#seen.clear()
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
    if (this.#catchUp?.announced(heads, signer) !== true) this.#follow(heads, signer)
  }

  /** Follows heads block by block. */
  #follow(heads: readonly CID[], announcer: PeerIdText): void {
    this.#report(this.#walk.announce(heads, announcer))
    this.#announcer = announcer
    this.#fetch()
  }

  /** Blocks that came as a history are about to be merged. */
  #came(blocks: readonly DagBlock[], peer: PeerIdText): void {
    for (const { cid, bytes } of blocks) {
      this.#remember(cid)
      // Where the walk knows of the block, what waits for it can go on.
      if (this.#walk.size > 0) this.#take(cid, bytes, peer, false)
    }
    if (this.#walk.size > 0) {
      this.#fetch()
      this.#mergeReady()
    }
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
      for (const { cids, reason } of this.#walk.retryFailed()) {
        this.#logger.warn('changes of the pinset are given up, as nobody has them', {
          reason,
          blocks: cids.length,
        })
        this.#unpark(cids)
      }
      this.#fetch()
      this.#mergeReady()
    })
  }

  async #fetchOne(cid: CID): Promise<void> {
    const { blocks, parked } = this.#init
    try {
      const kept = parked.get(cid)
      const { bytes, from } =
        kept === undefined
          ? await blocks.fetch(cid, this.#announcer, this.#closing.signal)
          : { bytes: kept, from: 'the disk' }
      this.#take(cid, bytes, from, kept !== undefined)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#logger.debug('a block of the pinset could not be had', { cid: String(cid), error: String(error) })
      this.#walk.failed(cid)
    }
    this.#fetch()
    this.#mergeReady()
  }

  #take(cid: CID, bytes: Uint8Array, from: PeerIdText, isParked: boolean): void {
    const { parked } = this.#init
    const { park, refused } = this.#walk.received(cid, bytes, from)
    if (park && !isParked) parked.put(cid, bytes)
    // A copy that went bad on the disk is not to be read again.
    if (refused.length > 0 && isParked) this.#unpark([cid])
    this.#report(refused)
  }

  /** A failed removal is ignored: the file goes with the process. */
  #unpark(cids: readonly CID[]): void {
    try {
      this.#init.parked.delete(cids)
    } catch (error) {
      this.#logger.debug('parked blocks could not be removed', { blocks: cids.length, error: String(error) })
    }
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
  async #merge(taken: CID[]): Promise<boolean> {
    const { store, parked, blocks } = this.#init
    let ready = taken
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
        const rest = ready.slice(at)
        const refused = rest.find((cid) => cid.toString() === cidOfRefused(error))
        if (refused !== undefined) {
          this.#report(this.#walk.refuse(refused, messageOf(error)))
          ready = rest.filter((cid) => cid !== refused)
          at = 0
          continue
        }
        this.#walk.notMerged(rest)
        this.#logger.warn('blocks of the pinset could not be merged; they are tried again', {
          error: String(error),
        })
        this.#retrySoon()
        return false
      }
      const merged = batch.map(({ cid }) => cid)
      this.#walk.merged(merged)
      this.#unpark(merged)
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
      if (final) this.#unpark([cid])
    }
  }

  #after(name: TimerName, ms: number, run: () => void): void {
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
    await this.#catchUp?.ended()
  }
}

/** The block that the store will not merge, whatever is tried. */
function cidOfRefused(error: unknown): string | undefined {
  const { name, cid } = error as { name?: unknown; cid?: unknown }
  return name === 'BlockRefusedError' && typeof cid === 'string' ? cid : undefined
}
