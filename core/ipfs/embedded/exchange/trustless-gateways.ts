/**
 * Gets single blocks from trustless gateways: `GET <gateway>/ipfs/<cid>?format=raw`
 * (https://specs.ipfs.tech/http-gateways/trustless-gateway/). What they send is checked; one that fails rests for a while.
 */
import type { CID } from 'multiformats/cid'
import { Deadline } from '../../../runtime/deadline.ts'
import type { Scheduler } from '../../../runtime/ports.ts'
import { isBlockOf } from '../blocks/block-hash.ts'
import { maxBlockSize } from '../blocks/block-store.ts'
import { WrongBlockError } from '../errors.ts'
import { readBody } from './bounded-body.ts'
import { pauseAskedFor, requestOutside } from './outside-request.ts'
import type { Attempt, WebService } from './outside-service.ts'
import { Slots } from './slots.ts'

/** Requests that run at the same time, over all gateways; further ones wait. */
const maxRequests = 8
/** ms for one request. */
const timeout = 30_000
/** A gateway answers 410 for what it must not give, and for ever when it is closed: so many in a row are a failure. */
const maxGone = 5

export class TrustlessGateways {
  readonly #gateways: Gateway[]
  readonly #scheduler: Scheduler
  readonly #slots = new Slots(maxRequests)

  constructor(gateways: readonly WebService[], scheduler: Scheduler) {
    this.#gateways = gateways.map((service) => ({ service, gone: 0 }))
    this.#scheduler = scheduler
  }

  /** Undefined when no gateway that does not rest has the block. Rejects only with the reason of the signal. */
  async fetch(cid: CID, signal: AbortSignal): Promise<{ bytes: Uint8Array; from: string } | undefined> {
    using _ = await this.#slots.take()
    for (const gateway of this.#gateways.toSorted((a, b) => a.service.failures - b.service.failures)) {
      signal.throwIfAborted()
      using attempt = gateway.service.begin()
      const bytes = attempt && (await this.#ask(gateway, attempt, cid, signal))
      if (bytes !== undefined) return { bytes, from: gateway.service.name }
    }
    return undefined
  }

  async #ask(
    gateway: Gateway,
    attempt: Attempt,
    cid: CID,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { service } = gateway
    using deadline = new Deadline(this.#scheduler, timeout, { signal })
    let pause = 0
    try {
      const response = await requestOutside({
        url: new URL(`/ipfs/${cid}?format=raw`, service.url),
        accept: 'application/vnd.ipld.raw',
        signal: deadline.signal,
        scheduler: this.#scheduler,
      })
      const problem = problemOf(response)
      if (problem !== undefined) await response.body?.cancel()
      gateway.gone = response.status === 410 ? gateway.gone + 1 : 0
      // It looked, and has not found it.
      if (problem === 'lacks it' && gateway.gone < maxGone) return undefined
      pause = pauseAskedFor(response)
      if (problem !== undefined) throw new Error(`it answered ${response.status}`)
      const bytes = await readBody(response, maxBlockSize)
      if (!isBlockOf(cid, bytes)) throw new WrongBlockError(cid, service.name)
      attempt.worked()
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      attempt.failed(error, pause)
      return undefined
    }
  }
}

interface Gateway {
  service: WebService
  /** Answers 410 in a row. */
  gone: number
}

function problemOf({ status, ok }: Response): 'lacks it' | 'fails' | undefined {
  if (status === 404 || status === 410 || status === 504) return 'lacks it'
  return ok ? undefined : 'fails'
}
