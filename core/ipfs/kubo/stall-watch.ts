/** Ends a pin for which nothing has arrived for too long. Kubo's progress lines alone prove nothing: they come anyway. */
import type { IpfsPinOptions, IpfsPinProgress } from '../../runtime/ipfs.ts'
import type { Runtime, Timer } from '../../runtime/ports.ts'
import type { IpfsStallError } from '../errors.ts'
import { LinkedAbort } from './linked-abort.ts'

export class StallWatch implements Disposable {
  readonly #options: IpfsPinOptions
  readonly #runtime: Runtime
  readonly #errorFor: (progress: IpfsPinProgress) => IpfsStallError
  readonly #abort: LinkedAbort
  #progress: IpfsPinProgress = { blocks: 0 }
  #lastArrival: number
  #timer: Timer | undefined
  #error: IpfsStallError | undefined

  constructor(
    options: IpfsPinOptions,
    runtime: Runtime,
    errorFor: (progress: IpfsPinProgress) => IpfsStallError,
  ) {
    this.#options = options
    this.#runtime = runtime
    this.#errorFor = errorFor
    this.#abort = new LinkedAbort(options.signal)
    this.#lastArrival = runtime.clock.monotonic()
    if (options.stallTimeout > 0) this.#watch(options.stallTimeout)
  }

  /** Fires at a stall, and with the caller's signal. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get progress(): IpfsPinProgress {
    return this.#progress
  }

  /** Set once the pin has stalled. */
  get error(): IpfsStallError | undefined {
    return this.#error
  }

  /** What Kubo counts so far. */
  arrived(blocks: number, bytes: number | undefined): void {
    const before = this.#progress
    if (blocks <= before.blocks && (bytes ?? 0) <= (before.bytes ?? 0)) return
    this.#lastArrival = this.#runtime.clock.monotonic()
    this.#progress = bytes === undefined ? { blocks } : { blocks, bytes }
    this.#options.onProgress?.(this.#progress)
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
    this.#abort[Symbol.dispose]()
  }

  #watch(after: number): void {
    this.#timer = this.#runtime.scheduler.after(after, () => {
      const idle = this.#runtime.clock.monotonic() - this.#lastArrival
      if (idle < this.#options.stallTimeout) return this.#watch(this.#options.stallTimeout - idle)
      this.#error = this.#errorFor(this.#progress)
      this.#abort.abort(this.#error)
    })
  }
}
