/**
 * Retries failed pins when another IPFS node was connected. A confined node fails a pin at once while no connected node
 * can have its blocks; the next one may have them, and the pin is not to wait for its backoff.
 */
import { messageOf } from '../error-text.ts'
import type { Runtime, Timer } from '../runtime/ports.ts'
import type { Tracker } from '../tracker/driver.ts'

/** ms in which connections count as one. */
const gathering = 1_000

export class Reconnection implements AsyncDisposable {
  readonly #tracker: Pick<Tracker, 'recoverAll'>
  readonly #runtime: Runtime
  #timer: Timer | undefined
  #run: Promise<void> | undefined
  #isClosed = false

  constructor(tracker: Pick<Tracker, 'recoverAll'>, runtime: Runtime) {
    this.#tracker = tracker
    this.#runtime = runtime
  }

  /** Another node was connected. */
  connected(): void {
    if (this.#isClosed) return
    this.#timer ??= this.#runtime.scheduler.after(gathering, () => {
      this.#timer = undefined
      // Those that come meanwhile are retried once more after this.
      this.#run = (this.#run ?? Promise.resolve()).then(() => this.#retry())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#run
  }

  async #retry(): Promise<void> {
    try {
      for await (const _ of this.#tracker.recoverAll()) if (this.#isClosed) return
    } catch (error) {
      const logger = this.#runtime.logger.component('pintracker')
      logger.warn('failed pins could not be queued again after a connection', { error: messageOf(error) })
    }
  }
}
