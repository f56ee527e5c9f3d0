/** Unpins what has expired: within seconds, by the peer responsible for it, or later by the next one. */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, Pin } from '../pin/pin.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import type { UpkeepStore } from './ports.ts'
import type { Responsibility } from './responsibility.ts'

/** Pins read, and unpinned, at once. */
const pageSize = 500
/** Pages of a round: what waits for others does not hide what comes after it. */
const maxPages = 20
/** Milliseconds between two rounds. */
const lookInterval = 2_000
/** Milliseconds to the next round when there were more than one takes. */
const busyPause = 200
/** Sharded pins whose parts are read from IPFS at a time. */
const maxSharded = 4
/** Milliseconds that reading them may take. */
const partsTimeout = 30_000

export interface ExpiryInit {
  self: PeerIdText
  store: Pick<UpkeepStore, 'expired' | 'write'>
  /** The peers that share the work now. */
  sharers: () => Responsibility
  /** The pins that a sharded one is made of, read from IPFS. */
  partsOf: (meta: Pin, signal: AbortSignal) => Promise<Pin[]>
  /** Milliseconds after which the next responsible peer acts. */
  takeover: number
  runtime: Runtime
}

export class Expiry {
  readonly #init: ExpiryInit
  readonly #logger: Logger
  /** What was due before cannot have been waiting for this peer. */
  #startedAt: number
  /** Sharded pins whose parts are being read. */
  readonly #sharded = new Set<string>()

  constructor(init: ExpiryInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
    this.#startedAt = init.runtime.clock.now()
  }

  /** One round: gives the milliseconds until the next. */
  async round(signal: AbortSignal): Promise<number> {
    const now = this.#init.runtime.clock.now()
    // It started in the past, whatever the clock said then.
    this.#startedAt = Math.min(this.#startedAt, now)
    let last: Pin | undefined
    for (let page = 0; page < maxPages; page++) {
      const due = this.#init.store.expired({ before: now, limit: pageSize, ...(last && { after: last }) })
      const ours = due.filter((pin) => this.#mayAct(pin, now))
      for (const pin of ours) if (pin.type === 'meta') void this.#expireSharded(pin, now, signal)
      await this.#expire(ours.filter(({ type }) => type !== 'meta'))
      if (due.length < pageSize) return lookInterval
      signal.throwIfAborted()
      last = due.at(-1)
    }
    return busyPause
  }

  #mayAct({ cid, expireAt }: Pin, now: number): boolean {
    const { self, sharers, takeover } = this.#init
    const dueAt = Math.max(millisecondsOf(expireAt), this.#startedAt)
    return now - dueAt >= sharers().rank(cid, self) * takeover
  }

  async #expire(pins: readonly Pin[]): Promise<void> {
    if (pins.length === 0) return
    const { applied } = await this.#init.store.write(pins.map((from) => ({ kind: 'expire', from })))
    if (applied > 0) this.#logger.info('unpinned what has expired', { pins: applied })
  }

  /** In the background, as its IPFS node may be slow; what fails is due again in the next round. */
  async #expireSharded(meta: Pin, now: number, signal: AbortSignal): Promise<void> {
    const key = String(meta.cid)
    if (this.#sharded.has(key) || this.#sharded.size >= maxSharded) return
    this.#sharded.add(key)
    try {
      const parts = await this.#partsOf(meta, signal)
      // A part that another sharded pin has too lives as long as that.
      await this.#expire([...parts.filter(({ expireAt }) => millisecondsOf(expireAt) <= now), meta])
    } catch (error) {
      if (!signal.aborted) this.#complain(meta.cid, error)
    } finally {
      this.#sharded.delete(key)
    }
  }

  async #partsOf(meta: Pin, signal: AbortSignal): Promise<Pin[]> {
    const late = () => new Error(`its list of parts did not arrive within ${partsTimeout / 1000} s`)
    using deadline = new Deadline(this.#init.runtime.scheduler, partsTimeout, { signal, late })
    return await this.#init.partsOf(meta, deadline.signal)
  }

  #complain(cid: CID, error: unknown): void {
    this.#logger.debug('a sharded pin that has expired could not be unpinned yet', {
      cid: String(cid),
      error: String(error),
    })
  }
}

/** 0 for a pin that never expires. */
function millisecondsOf(expireAt: bigint | undefined): number {
  return Number((expireAt ?? 0n) / 1_000_000n)
}
