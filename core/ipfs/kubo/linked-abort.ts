/** An abort controller that follows signals until it is disposed. Unlike `AbortSignal.any` it leaves nothing on them. */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController()
  readonly #links: { signal: AbortSignal; follow: () => void }[] = []

  constructor(...signals: (AbortSignal | undefined)[]) {
    for (const signal of signals) {
      if (signal === undefined) continue
      const follow = () => this.abort(signal.reason)
      signal.addEventListener('abort', follow)
      this.#links.push({ signal, follow })
      if (signal.aborted) follow()
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Only the first reason counts. */
  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  [Symbol.dispose](): void {
    for (const { signal, follow } of this.#links) signal.removeEventListener('abort', follow)
  }
}
