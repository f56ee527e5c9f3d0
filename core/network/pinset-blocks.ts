/**
 * Blocks of the replicated pinset by bitswap on the cluster's host: all that the store has are served, missing ones are
 * asked for, from the peer that announced them first and then from the others that are connected (`spec/wire.md` §3.8).
 */
import { createHash } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { isBlockCid, SHA2_256 } from '../crdt/block-id.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Random, Runtime, Timer } from '../runtime/ports.ts'
import type { Store } from '../runtime/store.ts'
import { type Bitswap, startBitswap } from './bitswap.ts'
import { BlockUnavailableError } from './errors.ts'
import type { ClusterHost } from './host.ts'
import type { FetchedBlock, PinsetBlocks } from './replication.ts'

export interface PinsetBlocksInit {
  /** Started. */
  host: ClusterHost
  store: Pick<Store, 'block' | 'hasBlock'>
  runtime: Runtime
}

/** Milliseconds that one block may take from all peers together. */
const blockTimeout = 120_000
/** Milliseconds after which another peer is asked as well. */
const patience = 1_000
/** Peers that are asked for one block before it counts as not to be had. */
const maxAsked = 32

export async function openPinsetBlocks(init: PinsetBlocksInit): Promise<BitswapBlocks> {
  const { host, store } = init
  const served = {
    has: (cid: CID) => isBlockCid(cid) && store.hasBlock(cid),
    get: (cid: CID) => (isBlockCid(cid) ? store.block(cid) : undefined),
  }
  const bitswap = await startBitswap(host, served, sha256Only)
  return new BitswapBlocks(init, bitswap)
}

/** What is no block of a pinset by its hash is not even compared. */
function sha256Only(code: number, size: number, bytes: Uint8Array): Uint8Array | undefined {
  if (code !== SHA2_256 || size !== 32) return undefined
  return createHash('sha256').update(bytes).digest()
}

class BitswapBlocks implements PinsetBlocks, AsyncDisposable {
  readonly #init: PinsetBlocksInit
  readonly #bitswap: Bitswap
  /** What is waited for, by peer: bitswap itself does not notice that a peer is gone. */
  readonly #asked = new Map<PeerIdText, Set<AbortController>>()
  /** The peer that gave the last block; it is likely to have the next. */
  #lastGiver: PeerIdText | undefined

  constructor(init: PinsetBlocksInit, bitswap: Bitswap) {
    this.#init = init
    this.#bitswap = bitswap
    init.host.addEventListener('peer:disconnect', this.#onDisconnect)
  }

  /** Bytes of messages of others that have not all come. */
  get partialBytes(): number {
    return this.#bitswap.partialBytes
  }

  async fetch(cid: CID, announcer: PeerIdText | undefined, signal: AbortSignal): Promise<FetchedBlock> {
    if (!isBlockCid(cid)) throw new BlockUnavailableError(`${cid} is no block of a pinset`)
    const search = new BlockSearch({
      cid,
      ask: (peer, abort) => this.#ask(peer, cid, abort),
      peers: this.#peersToAsk(announcer),
      runtime: this.#init.runtime,
      signal,
    })
    const found = await search.run()
    this.#lastGiver = found.from
    return found
  }

  merged(cids: readonly CID[]): void {
    this.#bitswap.stored(cids)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#init.host.removeEventListener('peer:disconnect', this.#onDisconnect)
    await this.#bitswap[Symbol.asyncDispose]()
  }

  async #ask(peer: PeerId, cid: CID, abort: AbortController): Promise<FetchedBlock> {
    const from = peer.toString()
    const asked = this.#asked.get(from) ?? new Set()
    this.#asked.set(from, asked.add(abort))
    try {
      return { bytes: await this.#bitswap.fetchFrom(peer, cid, abort.signal), from }
    } finally {
      asked.delete(abort)
      if (asked.size === 0) this.#asked.delete(from)
    }
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    for (const abort of this.#asked.get(peer.toString()) ?? [])
      abort.abort(new Error('the peer disconnected'))
  }

  /** Connected peers: the announcer, then who gave blocks last, then the others in random order. */
  #peersToAsk(announcer: PeerIdText | undefined): PeerId[] {
    const connected = new Map(this.#init.host.getPeers().map((peer) => [peer.toString(), peer]))
    const likely = [announcer, this.#lastGiver].flatMap((text) => {
      const peer = text === undefined ? undefined : connected.get(text)
      connected.delete(text ?? '')
      return peer ?? []
    })
    const others = [...connected.values()]
    shuffle(others, this.#init.runtime.random)
    return [...likely, ...others].slice(0, maxAsked)
  }
}

interface BlockSearchInit {
  cid: CID
  /** Rejects when the peer does not have it, or with the reason of the abort. */
  ask(peer: PeerId, abort: AbortController): Promise<FetchedBlock>
  /** In the order in which they are asked. */
  peers: PeerId[]
  runtime: Runtime
  signal: AbortSignal
}

/** Asks one peer after the other; one that does not answer soon goes on being waited for while the next is asked. */
class BlockSearch {
  readonly #init: BlockSearchInit
  readonly #found = Promise.withResolvers<FetchedBlock>()
  readonly #left: PeerId[]
  readonly #asking = new Set<AbortController>()
  #ended = false
  #nextTimer: Timer | undefined

  constructor(init: BlockSearchInit) {
    this.#init = init
    this.#left = [...init.peers]
  }

  async run(): Promise<FetchedBlock> {
    const { cid, signal, runtime } = this.#init
    signal.throwIfAborted()
    const cancel = () => this.#found.reject(signal.reason)
    signal.addEventListener('abort', cancel, { once: true })
    const timeout = runtime.scheduler.after(blockTimeout, () => {
      this.#found.reject(new BlockUnavailableError(`nobody gave ${cid} within ${blockTimeout / 1000} s`))
    })
    this.#askNext()
    try {
      return await this.#found.promise
    } finally {
      signal.removeEventListener('abort', cancel)
      timeout.cancel()
      this.#nextTimer?.cancel()
      this.#ended = true
      for (const abort of this.#asking) abort.abort(new Error('the block is not looked for any longer'))
    }
  }

  #askNext(): void {
    this.#nextTimer?.cancel()
    const peer = this.#left.shift()
    if (peer !== undefined) {
      this.#ask(peer)
      this.#nextTimer = this.#init.runtime.scheduler.after(patience, () => this.#askNext())
    } else if (this.#asking.size === 0) {
      const { cid, peers } = this.#init
      this.#found.reject(new BlockUnavailableError(`none of ${peers.length} connected peers has ${cid}`))
    }
  }

  async #ask(peer: PeerId): Promise<void> {
    const abort = new AbortController()
    this.#asking.add(abort)
    try {
      this.#found.resolve(await this.#init.ask(peer, abort))
    } catch {
      this.#asking.delete(abort)
      if (!this.#ended) this.#askNext()
    }
  }
}

function shuffle<T>(items: T[], random: Random): void {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Math.floor(random.float() * (index + 1))
    ;[items[index], items[other]] = [items[other]!, items[index]!]
  }
}
