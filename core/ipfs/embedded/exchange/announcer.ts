/**
 * Tells the DHT which pins are here, so that others find them: new ones first, then those announced longest ago, again
 * and again. Only roots are announced. A pin takes seconds, so that a node with very many pins is always behind: the
 * records of the pins that it does not get to within two days are lost, as with Kubo's default client.
 */
import type { KadDHT } from '@libp2p/kad-dht'
import { CID } from 'multiformats/cid'
import type { Runtime, Timer } from '../../../runtime/ports.ts'
import type { BlockIndex } from '../blocks/block-index.ts'

/** Pins announced at the same time. */
const concurrency = 4
/** ms for one. */
const timeout = 120_000
/** ms until it is looked again whether a pin is due. */
const idle = 60_000
/** ms after nothing could be announced, doubled each time up to `idle`: a node that has just started soon knows somebody. */
const firstRetry = 1_000

export class Announcer implements AsyncDisposable {
  readonly #dht: KadDHT
  readonly #index: BlockIndex
  readonly #interval: number
  readonly #runtime: Runtime
  readonly #closing = new AbortController()
  /** Rounds in a row in which nobody could be told. */
  #failures = 0
  #timer: Timer | undefined
  #round: Promise<void> | undefined

  /** `interval`: ms between two announcements of a pin; 0 = none are announced. */
  constructor(dht: KadDHT, index: BlockIndex, interval: number, runtime: Runtime) {
    this.#dht = dht
    this.#index = index
    this.#interval = interval
    this.#runtime = runtime
    this.#schedule(0)
  }

  /** A pin is new. */
  wake(): void {
    if (this.#round === undefined) this.#schedule(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the embedded IPFS node was closed'))
    this.#timer?.cancel()
    await this.#round
  }

  #schedule(delay: number): void {
    this.#timer?.cancel()
    if (this.#closing.signal.aborted || this.#interval === 0) return
    this.#timer = this.#runtime.scheduler.after(delay, () => {
      this.#round = this.#announce()
    })
  }

  /** One round. Whatever comes of it, there is a next one. */
  async #announce(): Promise<void> {
    let delay = idle
    try {
      delay = await this.#announceDue()
    } catch (error) {
      this.#runtime.logger.warn('pins could not be announced; will retry', { error: String(error) })
    } finally {
      this.#round = undefined
      this.#schedule(delay)
    }
  }

  /** Announces what is due, a few pins, and resolves with the ms until the next ones. */
  async #announceDue(): Promise<number> {
    const now = this.#runtime.clock.now()
    const due = this.#index.pinsToAnnounce(now - this.#interval, now, concurrency)
    const results = await Promise.all(due.map((bytes) => this.#announcePin(CID.decode(bytes))))
    if (due.length === 0) return idle
    if (!results.includes(true)) return Math.min(idle, firstRetry * 2 ** this.#failures++)
    this.#failures = 0
    return 0
  }

  async #announcePin(cid: CID): Promise<boolean> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeout)])
    try {
      let told = 0
      for await (const event of this.#dht.provide(cid, { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told++
      }
      // The library would keep a record of each and announce it by itself; which pins there are is known here.
      await this.#dht.cancelReprovide(cid)
      if (told > 0)
        await this.#index.commit({ kind: 'announced', cid: cid.bytes, at: this.#runtime.clock.now() })
      return told > 0
    } catch (error) {
      this.#runtime.logger.debug('a pin could not be announced', {
        cid: cid.toString(),
        error: String(error),
      })
      return false
    }
  }
}
