/**
 * Sends every block of one add to all its destinations at once, at the pace of the slowest. The add goes on as long as one
 * destination takes blocks; a pin's other peers fetch later what they missed (`spec/behaviour.md` §6.4).
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText } from '../pin/pin.ts'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import type { Logger } from '../runtime/ports.ts'
import { BlockChannel } from './block-channel.ts'
import type { BlockSink } from './block-sink.ts'
import { DestinationsFailedError } from './errors.ts'
import { identityCode } from './hashing.ts'

export interface DistributionInit {
  peers: PeerIdText[]
  sinkFor: (peer: PeerIdText) => BlockSink
  /** What is to be pinned, known after the last block. */
  roots: () => readonly CID[]
  logger: Logger
}

interface Destination {
  channel: BlockChannel
  /** Settles with the sink, and never rejects. */
  done: Promise<void>
  failed: boolean
}

export class Distribution implements AsyncDisposable {
  readonly #destinations: Destination[]
  readonly #closing = new AbortController()
  #cause: unknown = new Error('no peer was chosen')
  /** The two newest blocks: adding often makes the same block again at once. */
  #recent: CID[] = []

  constructor({ peers, sinkFor, roots, logger }: DistributionInit) {
    this.#destinations = peers.map((peer) => {
      const channel = new BlockChannel()
      const destination: Destination = { channel, done: Promise.resolve(), failed: false }
      const put = async () => {
        await sinkFor(peer).put(channel, { signal: this.#closing.signal, roots })
        if (!channel.ended) throw new Error('the destination stopped reading before the last block')
      }
      destination.done = put().catch((error: unknown) => {
        destination.failed = true
        this.#cause = error
        channel.abort(error)
        if (!this.#closing.signal.aborted) {
          logger.warn('a destination stopped taking blocks', { peer, error: String(error) })
        }
      })
      return destination
    })
  }

  /** Resolves when every destination has room for more. Rejects with `DestinationsFailedError` when none is left. */
  async send(block: IpfsBlock): Promise<void> {
    // The CID is the block: there is nothing to store.
    if (block.cid.multihash.code === identityCode) return
    if (this.#recent.some((cid) => cid.equals(block.cid))) return
    this.#recent = [block.cid, ...this.#recent.slice(0, 1)]
    await Promise.all(this.#destinations.map(({ channel }) => channel.push(block)))
    this.#check()
  }

  /** Resolves when all destinations that still take blocks have stored them. */
  async finish(): Promise<void> {
    for (const { channel } of this.#destinations) channel.end()
    await Promise.all(this.#destinations.map(({ done }) => done))
    this.#check()
  }

  #check(): void {
    if (this.#destinations.every(({ failed }) => failed)) throw new DestinationsFailedError(this.#cause)
  }

  /** Ends what still runs; after `finish` there is nothing to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new Error('the add was ended before its last block')
    this.#closing.abort(reason)
    for (const { channel } of this.#destinations) channel.abort(reason)
    await Promise.all(this.#destinations.map(({ done }) => done))
  }
}
