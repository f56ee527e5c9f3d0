/** Finds peers that provide a block, in the DHT and over HTTP, and connects to them. */
import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Runtime } from '../../../runtime/ports.ts'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { findProvidersAt } from './delegated-routers.ts'
import type { WebService } from './outside-service.ts'
import { Slots } from './slots.ts'

export interface ProviderSearchInit {
  libp2p: Libp2p
  routers: readonly WebService[]
  runtime: Runtime
}

/** Searches that run at the same time; further ones wait. */
const maxSearches = 8
/** Providers of one search that are dialled at the same time. */
const maxDials = 4
/** A search is over when it has connected to this many. */
const enoughPeers = 5
/** ms for one search. */
const searchTimeout = 60_000

export class ProviderSearch {
  readonly #init: ProviderSearchInit
  readonly #slots = new Slots(maxSearches)

  constructor(init: ProviderSearchInit) {
    this.#init = init
  }

  /** Calls `found` with each provider that could be connected to. Rejects only with the reason of the signal. */
  async search(cid: CID, found: (peer: PeerId) => void, signal: AbortSignal): Promise<void> {
    using _ = await this.#slots.take()
    using abort = new LinkedAbort(signal)
    const timeout = setTimeout(() => abort.abort(new Error('the search took too long')), searchTimeout)
    try {
      await this.#search(cid, found, abort)
    } finally {
      clearTimeout(timeout)
    }
    signal.throwIfAborted()
  }

  async #search(cid: CID, found: (peer: PeerId) => void, abort: LinkedAbort): Promise<void> {
    const { libp2p, routers, runtime } = this.#init
    const dials = new DialPool(libp2p, abort, found)
    const sources = [
      libp2p.contentRouting.findProviders(cid, { signal: abort.signal }),
      ...routers.map((router) => findProvidersAt(router, cid, runtime.scheduler, abort.signal)),
    ]
    await Promise.all(
      sources.map(async (source) => {
        try {
          for await (const provider of source) await dials.add(provider)
        } catch (error) {
          if (!abort.signal.aborted)
            runtime.logger.debug('a search for providers failed', { error: String(error) })
        }
      }),
    )
    await dials.idle()
  }
}

/** Dials each provider once, a few at a time, until enough are connected. */
class DialPool {
  readonly #libp2p: Libp2p
  readonly #abort: LinkedAbort
  readonly #found: (peer: PeerId) => void
  readonly #seen = new Set<string>()
  readonly #dials = new Set<Promise<void>>()
  #connected = 0

  constructor(libp2p: Libp2p, abort: LinkedAbort, found: (peer: PeerId) => void) {
    this.#libp2p = libp2p
    this.#abort = abort
    this.#found = found
  }

  /** Resolves when another one may be added. */
  async add(provider: PeerInfo): Promise<void> {
    const key = provider.id.toString()
    if (this.#seen.has(key) || provider.id.equals(this.#libp2p.peerId)) return
    this.#seen.add(key)
    const dial = this.#dial(provider).finally(() => this.#dials.delete(dial))
    this.#dials.add(dial)
    if (this.#dials.size >= maxDials) await Promise.race(this.#dials)
  }

  async idle(): Promise<void> {
    await Promise.all(this.#dials)
  }

  async #dial({ id, multiaddrs }: PeerInfo): Promise<void> {
    try {
      // Without addresses the host looks for the peer's own.
      if (multiaddrs.length > 0) await this.#libp2p.peerStore.merge(id, { multiaddrs })
      await this.#libp2p.dial(id, { signal: this.#abort.signal })
      this.#found(id)
      if (++this.#connected >= enoughPeers) this.#abort.abort(new Error('enough providers are connected'))
    } catch {
      // Most records in the DHT are of peers that cannot be reached; there is nothing to do about it.
    }
  }
}
