/** The life of one call to Kubo: its signal, its time limit, and the error that ended it. */
import type { IpfsFailureReason } from '../../runtime/ipfs.ts'
import type { Runtime, Timer } from '../../runtime/ports.ts'
import { IpfsAbortedError, type IpfsCall, type IpfsError, IpfsTimeoutError } from '../errors.ts'

export interface CallLimit {
  /** ms; 0 = none. */
  ms: number
  /** Of the whole call, or of the time in which nothing arrives while something is waited for. */
  of: 'call' | 'silence'
  /** The setting that a user may raise. */
  setting: string
  /** Why a call fails that takes longer, see `IpfsTimeoutError`. */
  reason: Extract<IpfsFailureReason, 'unreachable' | 'failed'>
}

export class CallScope implements Disposable {
  readonly call: IpfsCall
  readonly #controller = new AbortController()
  readonly #runtime: Runtime
  readonly #limit: CallLimit
  readonly #caller: AbortSignal | undefined
  #error: IpfsError | undefined
  #timer: Timer | undefined
  #waitingSince: number | undefined

  constructor(call: IpfsCall, limit: CallLimit, caller: AbortSignal | undefined, runtime: Runtime) {
    this.call = call
    this.#limit = limit
    this.#runtime = runtime
    this.#caller = caller
    this.#waitingSince = runtime.clock.monotonic()
    caller?.addEventListener('abort', this.#onCallerAbort)
    if (caller?.aborted) this.#onCallerAbort()
    else if (limit.ms > 0) this.#watch(limit.ms)
  }

  /** Fires when the call is to end, for whatever reason. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why the call was ended from this side; undefined while it was not. */
  get error(): IpfsError | undefined {
    return this.#error
  }

  /** Ends the call. Only the first reason counts. */
  end(error: IpfsError): void {
    if (this.#error) return
    this.#error = error
    this.#controller.abort(error)
  }

  /** Kubo is waited for from now on. */
  waiting(): void {
    this.#waitingSince = this.#runtime.clock.monotonic()
  }

  /** Something arrived; the consumer of it takes its time at no cost. */
  heard(): void {
    this.#waitingSince = undefined
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
    this.#caller?.removeEventListener('abort', this.#onCallerAbort)
  }

  readonly #onCallerAbort = (): void => {
    this.end(new IpfsAbortedError(this.call, this.#caller?.reason))
  }

  #watch(after: number): void {
    this.#timer = this.#runtime.scheduler.after(after, () => {
      const { ms, of, setting, reason } = this.#limit
      const left = of === 'call' ? 0 : ms - this.#silence()
      if (left > 0) this.#watch(left)
      else this.end(new IpfsTimeoutError(this.call, ms, setting, reason))
    })
  }

  #silence(): number {
    if (this.#waitingSince === undefined) return 0
    return this.#runtime.clock.monotonic() - this.#waitingSince
  }
}
