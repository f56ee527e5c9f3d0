/** Reads blocks for one request, each within a time. */
import type { CID } from 'multiformats/cid'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { BlockNotHereError } from '../errors.ts'
import type { FoundName } from '../exchange/names.ts'
import { BlockTimeoutError, GatewayError } from './errors.ts'
import type { GatewayNode } from './gateway-node.ts'

/** ms that one block may take to come. */
const blockTimeout = 60_000

export class BlockReading {
  readonly #node: GatewayNode
  readonly #onlyIfCached: boolean
  readonly #signal: AbortSignal

  constructor(node: GatewayNode, onlyIfCached: boolean, signal: AbortSignal) {
    this.#node = node
    this.#onlyIfCached = onlyIfCached
    this.#signal = signal
  }

  readonly read = async (cid: CID): Promise<Uint8Array> => {
    // Also before a block that is here, which nothing else would stop.
    this.#signal.throwIfAborted()
    this.expectCached(cid)
    using abort = new LinkedAbort(this.#signal)
    const timeout = new BlockTimeoutError(`block ${cid} did not come within ${blockTimeout / 1_000} s`)
    const timer = setTimeout(() => abort.abort(timeout), blockTimeout)
    try {
      return await this.#node.read(cid, abort.signal)
    } catch (error) {
      throw abort.signal.reason === timeout ? timeout : error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Rejects with `BlockNotHereError` in place of asking others. */
  readonly readLocal = async (cid: CID): Promise<Uint8Array> => {
    if (!this.#node.has(cid)) throw new BlockNotHereError(cid)
    return this.read(cid)
  }

  /** Throws `GatewayError` when only what is here may be given, and the block is not. */
  expectCached(cid: CID): void {
    if (this.#onlyIfCached && !this.#node.has(cid)) throw new GatewayError(412, `${cid} is not here`)
  }

  /** The number of a block that is here, for knowing it again. */
  idOf(cid: CID): number | undefined {
    return this.#node.idOf(cid)
  }

  findName(name: string): Promise<FoundName> {
    return this.#node.findName(name, this.#signal)
  }

  refreshName(name: string): Promise<FoundName> {
    return this.#node.refreshName(name, this.#signal)
  }
}
