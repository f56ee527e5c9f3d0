/** A limit on how long a call may take, on the scheduler's time: `AbortSignal.timeout` knows the machine's only. */
import type { Scheduler } from './ports.ts'

export class Deadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #cancel: () => void

  /** `signal`: aborts sooner, with its own reason. */
  constructor(scheduler: Scheduler, ms: number, signal?: AbortSignal) {
    const expire = () => this.#controller.abort(new Error(`no answer within ${ms / 1000} s`))
    const stop = () => this.#controller.abort(signal?.reason)
    const timer = scheduler.after(ms, expire)
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop, { once: true })
    this.#cancel = () => {
      timer.cancel()
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
