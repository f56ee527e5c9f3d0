/**
 * What follows from an IPFS node being nearly full: it is said, and the embedded node looks for garbage. It would do so by
 * itself only when a block does not fit, which is not going to happen while this peer is given no content; a Kubo is
 * collected as its own configuration says.
 */
import { messageOf } from '../error-text.ts'
import type { Ipfs, IpfsRepoStat } from '../runtime/ipfs.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'

/** Milliseconds between two such collections: each looks at all that is pinned. */
const collectionInterval = 3_600_000

export class NodeRoom implements AsyncDisposable {
  readonly #ipfs: Pick<Ipfs, 'kind' | 'gc'>
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #closing = new AbortController()
  #isNearlyFull = false
  #collectedAt = Number.NEGATIVE_INFINITY
  #collection: Promise<void> | undefined

  constructor(ipfs: Pick<Ipfs, 'kind' | 'gc'>, runtime: Runtime) {
    this.#ipfs = ipfs
    this.#runtime = runtime
    this.#logger = runtime.logger.component('monitor')
  }

  /** Told of each look at the node. */
  note(isNearlyFull: boolean, { size, max }: IpfsRepoStat): void {
    const fields = { used: size, of: max }
    if (isNearlyFull && !this.#isNearlyFull)
      this.#logger.warn('the IPFS node is nearly full: this peer is given no more content', fields)
    if (!isNearlyFull && this.#isNearlyFull)
      this.#logger.info('the IPFS node has room again: this peer is given content', fields)
    this.#isNearlyFull = isNearlyFull
    if (isNearlyFull) this.#collectSometimes()
  }

  #collectSometimes(): void {
    const now = this.#runtime.clock.monotonic()
    const isDue = now - this.#collectedAt >= collectionInterval
    if (this.#ipfs.kind !== 'embedded' || this.#collection !== undefined || !isDue) return
    this.#collectedAt = now
    this.#collection = this.#collect().finally(() => {
      this.#collection = undefined
    })
  }

  async #collect(): Promise<void> {
    let removed = 0
    try {
      for await (const { error } of this.#ipfs.gc({ signal: this.#closing.signal })) {
        if (error === undefined) removed++
      }
      this.#logger.info('garbage was collected to make room', { removed })
    } catch (error) {
      if (this.#closing.signal.aborted) return
      const reason = messageOf(error)
      this.#logger.warn('garbage could not be collected', { error: reason })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    await this.#collection
  }
}
