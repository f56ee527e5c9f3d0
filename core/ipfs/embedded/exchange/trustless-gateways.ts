/**
 * Gets single blocks from trustless gateways: `GET <gateway>/ipfs/<cid>?format=raw`
 * (https://specs.ipfs.tech/http-gateways/trustless-gateway/). What they send is checked; one that fails rests for a while.
 */
import type { CID } from 'multiformats/cid'
import type { Clock, Logger } from '../../../runtime/ports.ts'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { isBlockOf } from '../blocks/block-hash.ts'
import { maxBlockSize } from '../blocks/block-store.ts'
import { WrongBlockError } from '../errors.ts'
import { readBody } from './bounded-body.ts'
import { Slots } from './slots.ts'

export interface TrustlessGatewaysInit {
  /** URLs. */
  gateways: readonly string[]
  clock: Clock
  logger: Logger
}

/** Requests that run at the same time, over all gateways; further ones wait. */
const maxRequests = 8
/** ms for one request. */
const timeout = 30_000
/** ms for which a gateway rests after a failure, doubled with each one in a row, and at most. */
const firstRest = 10_000
const longestRest = 10 * 60_000

interface Gateway {
  url: string
  failures: number
  /** On the monotonic clock, ms. */
  restsUntil: number
}

export class TrustlessGateways {
  readonly #init: TrustlessGatewaysInit
  readonly #gateways: Gateway[]
  readonly #slots = new Slots(maxRequests)

  constructor(init: TrustlessGatewaysInit) {
    this.#init = init
    this.#gateways = init.gateways.map((url) => ({ url, failures: 0, restsUntil: Number.NEGATIVE_INFINITY }))
  }

  /** Undefined when no gateway that does not rest has the block. Rejects only with the reason of the signal. */
  async fetch(cid: CID, signal: AbortSignal): Promise<{ bytes: Uint8Array; from: string } | undefined> {
    using _ = await this.#slots.take()
    const now = this.#init.clock.monotonic()
    const ready = this.#gateways.filter((gateway) => gateway.restsUntil <= now)
    for (const gateway of ready.sort((a, b) => a.failures - b.failures)) {
      signal.throwIfAborted()
      const bytes = await this.#ask(gateway, cid, signal)
      if (bytes !== undefined) return { bytes, from: gateway.url }
    }
    return undefined
  }

  async #ask(gateway: Gateway, cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined> {
    using abort = new LinkedAbort(signal)
    const timer = setTimeout(() => abort.abort(new Error('no answer in time')), timeout)
    try {
      const response = await fetch(new URL(`/ipfs/${cid}?format=raw`, gateway.url), {
        headers: { accept: 'application/vnd.ipld.raw' },
        signal: abort.signal,
      })
      // It looked, and has not found it.
      if (response.status === 404 || response.status === 410 || response.status === 504) {
        await response.body?.cancel()
        return undefined
      }
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      const bytes = await readBody(response, maxBlockSize)
      if (!isBlockOf(cid, bytes)) throw new WrongBlockError(cid, gateway.url)
      gateway.failures = 0
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      const rest = Math.min(firstRest * 2 ** gateway.failures++, longestRest)
      gateway.restsUntil = this.#init.clock.monotonic() + rest
      this.#init.logger.debug('a gateway failed and rests', {
        gateway: gateway.url,
        ms: rest,
        error: String(error),
      })
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }
}
