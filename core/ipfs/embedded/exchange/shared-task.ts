/** A task whose result several wait for. It is stopped when none of them waits any more. */
export class SharedTask<Result> {
  readonly #stop = new AbortController()
  readonly #result: Promise<Result>
  readonly #left: () => void
  #waiting = 0

  /** `left` is called when nobody waits any more, before the task is stopped. */
  constructor(begin: (signal: AbortSignal) => Promise<Result>, left: () => void) {
    this.#left = left
    this.#result = begin(this.#stop.signal)
    this.#result.catch(() => undefined)
  }

  /** Rejects with the reason of the signal, or with what the task rejects with. */
  async join(signal: AbortSignal): Promise<Result> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    const stop = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    this.#waiting++
    try {
      return await Promise.race([this.#result, aborted.promise])
    } finally {
      signal.removeEventListener('abort', stop)
      if (--this.#waiting === 0) {
        this.#left()
        this.#stop.abort(new Error('nobody waits any more'))
      }
    }
  }
}
