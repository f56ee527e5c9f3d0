/**
 * Bitswap on a libp2p host, the cluster's or the embedded IPFS node's: gives blocks that are here to whoever asks, and asks
 * one peer, or all that are connected, for blocks. The protocol is @helia/bitswap's; which peer is asked for what is decided
 * by those who fetch (`pinset-blocks.ts`, `core/ipfs/embedded/exchange/exchange.ts`).
 */
import { withBitswap } from '@helia/bitswap'
import type { Libp2p, PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { PartialMessages } from '../libp2p/partial-messages.ts'

/** The blocks that are served. */
export interface ServedBlocks {
  has(cid: CID): boolean | Promise<boolean>
  /** Undefined when the block is not here. */
  get(cid: CID): Uint8Array | undefined | Promise<Uint8Array | undefined>
}

/** `size` bytes of the digest by a hash function of the multicodec table; undefined for functions that are not taken. */
export type DigestOf = (code: number, size: number, bytes: Uint8Array) => Uint8Array | undefined

export interface Bitswap extends AsyncDisposable {
  /** Asks one peer. Rejects when it does not have the block, or when the signal ends it. The bytes are not checked. */
  fetchFrom(peer: PeerId, cid: CID, signal: AbortSignal): Promise<Uint8Array>
  /** Asks all connected peers, also those that connect later. The bytes are not checked. */
  fetchFromAll(cid: CID, signal: AbortSignal): Promise<{ bytes: Uint8Array; from: string | undefined }>
  /** Gives blocks that came to those who wait for them. */
  stored(cids: readonly CID[]): void
  /** Bytes of messages of others that have not all come. */
  readonly partialBytes: number
}

/** Entries of one peer's list of wants that are kept. */
const maxWantlistSize = 1_024
/**
 * Entries of one message that are read; the rest is skipped. A peer of Go that wants much puts up to 50,000 into one, its
 * cancels first, and keeps 1,024 of what it is sent.
 */
const keptEntries = 8_192
/** Entries of one message, and blocks, and presences. No implementation sends more: the connection of who does is closed. */
const maxEntries = 65_536
/** Streams of one connection on which messages may be on their way, each with up to 4 MiB. */
const maxInboundStreams = 32
/** ms that a message may take to be sent or to arrive. */
const messageTimeout = 60_000
/** ms to wait for further wants before a list is sent. Walks are sequential: each waits for it anew. */
const wantlistDebounce = 1

/** Starts to serve. The host must be started. */
export async function startBitswap(
  libp2p: Libp2p,
  blocks: ServedBlocks,
  digestOf: DigestOf,
): Promise<Bitswap> {
  const partialMessages = new PartialMessages()
  const broker = await makeBroker(libp2p, blocks, digestOf, partialMessages)
  return {
    get partialBytes() {
      return partialMessages.bytes
    },
    async fetchFrom(peer, cid, signal) {
      const session = broker.createSession({ providers: [peer.toCID()], minProviders: 1, maxProviders: 1 })
      return session.retrieve(cid, { signal })
    },
    async fetchFromAll(cid, signal) {
      let from: string | undefined
      const bytes = await broker.retrieve(cid, {
        signal,
        onProgress({ type, detail }) {
          if (type === 'bitswap:block') from = detail?.sender?.toString()
        },
      })
      return { bytes, from }
    },
    stored(cids) {
      for (const cid of cids) broker.announce(cid).catch(() => undefined)
    },
    async [Symbol.asyncDispose]() {
      await broker.stop()
    },
  }
}

/** As much of the library's broker as is used. */
interface StartedBroker {
  retrieve(cid: CID, options: RetrieveOptions): Promise<Uint8Array>
  announce(cid: CID): Promise<void>
  createSession(options: { providers: CID[]; minProviders: number; maxProviders: number }): {
    retrieve(cid: CID, options: RetrieveOptions): Promise<Uint8Array>
  }
  stop(): Promise<void>
}

interface RetrieveOptions {
  signal: AbortSignal
  onProgress?(event: { type: string; detail?: { sender?: PeerId } }): void
}

/** The library hands its broker to the helia node that it extends; this is as much of one as it needs. */
async function makeBroker(
  libp2p: Libp2p,
  blocks: ServedBlocks,
  digestOf: DigestOf,
  partialMessages: PartialMessages,
): Promise<StartedBroker> {
  let mixin: { start?(node: unknown): Promise<void> } | undefined
  let broker: StartedBroker | undefined
  const node = {
    status: 'starting',
    libp2p,
    blockstore: readOnly(blocks),
    // Who has a block is searched for by those who fetch, not once a block as the library would.
    routing: { async *findProviders() {} },
    logger: libp2p.logger,
    getHasher: async (code: number) => hasher(code, digestOf),
    hasBlockBroker: () => false,
    addMixin: (given: typeof mixin) => void (mixin = given),
    addBlockBroker: (given: StartedBroker) => void (broker = given),
  }
  const options = {
    maxWantlistSize,
    messageSendTimeout: messageTimeout,
    messageReceiveTimeout: messageTimeout,
    sendWantlistDebounce: wantlistDebounce,
    maxInboundStreams,
    // Those of our patch.
    keptWantlistEntries: keptEntries,
    maxIncomingEntries: maxEntries,
    partialMessages,
  }
  withBitswap(node as never, options)
  await mixin?.start?.(node)
  return broker!
}

function readOnly(blocks: ServedBlocks) {
  return {
    has: async (cid: CID) => blocks.has(cid),
    async *get(cid: CID) {
      const bytes = await blocks.get(cid)
      // The name is what the library takes as "not here".
      if (bytes === undefined)
        throw Object.assign(new Error(`block ${cid} is not here`), { name: 'NotFoundError' })
      yield bytes
    },
  }
}

/** What the library computes the CID of a received block with. */
function hasher(code: number, digestOf: DigestOf) {
  return {
    code,
    name: `0x${code.toString(16)}`,
    digest(bytes: Uint8Array, options?: { truncate?: number }) {
      const size = options?.truncate ?? 32
      const digest = digestOf(code, size, bytes)
      if (digest === undefined) throw new Error(`hash function 0x${code.toString(16)} is not supported`)
      return Digest.create(code, digest.subarray(0, size))
    },
  }
}
