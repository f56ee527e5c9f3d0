/** What signals do: the first Ctrl-C asks a command to end and a second ends the process; a daemon has its own rules. */
import { CancelledError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class Interruption implements Disposable {
  readonly #controller = new AbortController()
  readonly #exit: (code: number) => void
  #listeners: [NodeJS.Signals, () => void][] = []

  constructor(exit: (code: number) => void) {
    this.#exit = exit
    this.#listen(['SIGINT'], () => {
      if (this.#controller.signal.aborted) this.#exit(exitCodes.cancelled)
      this.#controller.abort(new CancelledError())
    })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** See `Session.takeSignals`. */
  handOver(onSignal: (count: number) => boolean): void {
    this[Symbol.dispose]()
    let count = 0
    this.#listen(stopSignals, () => {
      if (onSignal(++count)) this.#exit(exitCodes.failed)
    })
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener)
    this.#listeners = []
  }

  #listen(signals: readonly NodeJS.Signals[], listener: () => void): void {
    for (const signal of signals) {
      process.on(signal, listener)
      this.#listeners.push([signal, listener])
    }
  }
}
