/**
 * Connects the IPFS node of this peer with those of the other members, so that content added on one is found by the others
 * at once (`spec/behaviour.md` §5.5). The original does so once; nodes that are lost or come later are connected here too.
 */
import type { PeerIdText } from '../pin/pin.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { Members } from './members.ts'

/** Milliseconds from the first sign of a new member to the attempt to connect its node. */
const newMemberDelay = 1_000
/** Milliseconds that one connection may take. */
const connectTimeout = 10_000
/** Addresses of one node that are tried. */
const maxAddresses = 16
/** Members whose nodes are connected at a time: one that names addresses that do not answer holds up no others. */
const membersAtOnce = 16

export interface SwarmLinksInit {
  ipfs: Ipfs
  members: Members
  /** Milliseconds between two looks, `connect_swarms_delay`; 0 = nothing is connected. */
  interval: number
  runtime: Runtime
}

export class SwarmLinks implements AsyncDisposable {
  readonly #init: SwarmLinksInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #seen = new Set<PeerIdText>()
  #timer: Timer | undefined
  #run: Promise<void> | undefined

  constructor(init: SwarmLinksInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('ipfs')
  }

  /** Told of each peer that is heard of; a new one is connected soon. */
  heardOf(peer: PeerIdText): void {
    if (this.#init.interval === 0 || this.#seen.has(peer)) return
    this.#seen.add(peer)
    this.#schedule(newMemberDelay)
  }

  #schedule(delay: number): void {
    if (this.#closing.signal.aborted || this.#run !== undefined) return
    this.#timer?.cancel()
    this.#timer = this.#init.runtime.scheduler.after(delay, () => {
      this.#run = this.#connectAll()
        .catch((error: unknown) =>
          this.#logger.debug('IPFS nodes of members not connected', { error: String(error) }),
        )
        .finally(() => {
          this.#run = undefined
          this.#schedule(this.#init.interval)
        })
    })
  }

  async #connectAll(): Promise<void> {
    const { ipfs, members } = this.#init
    const linked = new Set(await ipfs.swarmPeers({ signal: this.#limit() }))
    const others = members.others()
    for (const peer of this.#seen) if (!others.includes(peer)) this.#seen.delete(peer)
    const waiting = others.values()
    const connectOn = async () => {
      for (const peer of waiting) {
        this.#seen.add(peer)
        const { ipfsId } = members.namesOf(peer)
        if (ipfsId === '' || !linked.has(ipfsId)) await this.#connect(peer)
      }
    }
    await Promise.all(Array.from({ length: membersAtOnce }, connectOn))
  }

  async #connect(peer: PeerIdText): Promise<void> {
    try {
      const { ipfs } = await this.#init.members.identityOf(peer, this.#closing.signal)
      // An embedded node lets in whom it is told to connect: of one member, one node.
      const own = ipfs.addresses.filter((address) => address.endsWith(`/p2p/${ipfs.id}`))
      for (const address of own.slice(0, maxAddresses)) {
        const connected = await this.#init.ipfs.connect(address, { signal: this.#limit() }).then(
          () => true,
          () => false,
        )
        if (connected) return
      }
    } catch (error) {
      this.#logger.debug('the IPFS node of a member cannot be connected', { peer, error: String(error) })
    }
  }

  #limit(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(connectTimeout)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    await this.#run
  }
}
