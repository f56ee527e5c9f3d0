/** A limit on how long a call may take, on the scheduler's time: `AbortSignal.timeout` knows the machine's only. */
import type { Scheduler } from './ports.ts'

export interface DeadlineOptions {
  /** Aborts sooner, with its own reason. */
  signal?: AbortSignal | undefined
  /** What is said when the time is over; that there was no answer when absent. */
  late?: () => Error
}

export class Deadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #cancel: () => void

  /** `ms`: never over when undefined. */
  constructor(scheduler: Scheduler, ms: number | undefined, { signal, late }: DeadlineOptions = {}) {
    const expire = () => this.#controller.abort(late?.() ?? new Error(`no answer within ${ms! / 1000} s`))
    const stop = () => this.#controller.abort(signal?.reason)
    const timer = ms === undefined ? undefined : scheduler.after(ms, expire)
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop, { once: true })
    this.#cancel = () => {
      timer?.cancel()
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Aborts when the time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The call has ended in time. */
  [Symbol.dispose](): void {
    this.#cancel()
  }
}
