/**
 * Makes outcomes durable: those that come while a commit runs share the next one. A store that cannot take them (a full
 * disk) is asked again until it can; nothing is dropped, and what waits is bounded by what the tracker holds.
 */
import { pause } from '../runtime/pause.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import type { Store, TrackedOutcome } from '../runtime/store.ts'
import { type Backoff, backoffDelay } from './backoff.ts'

const retryBackoff: Backoff = { base: 1_000, factor: 2, cap: 60_000, spread: 0.2 }

export interface OutcomeLogInit {
  store: Pick<Store, 'record'>
  runtime: Runtime
  logger: Logger
}

export class OutcomeLog {
  readonly #store: Pick<Store, 'record'>
  readonly #runtime: Runtime
  readonly #logger: Logger
  #waiting: { outcome: TrackedOutcome; done: (counts: boolean) => void }[] = []
  #writing: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor({ store, runtime, logger }: OutcomeLogInit) {
    this.#store = store
    this.#runtime = runtime
    this.#logger = logger
  }

  /** Resolves with true when the outcome is durable, with false when it was too old to count or cannot be stored any more. */
  add(outcome: TrackedOutcome): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.push({ outcome, done: resolve })
    this.#writing ??= this.#write()
    return promise
  }

  async #write(): Promise<void> {
    // What the same turn adds goes into the first commit too.
    await undefined
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      const tooOld = await this.#commit(batch.map(({ outcome }) => outcome))
      for (const [at, { done }] of batch.entries()) done(tooOld?.has(at) === false)
    }
    this.#writing = undefined
  }

  /** Positions of the outcomes that were too old; undefined when none could be stored. */
  async #commit(outcomes: TrackedOutcome[]): Promise<ReadonlySet<number> | undefined> {
    for (let failures = 1; ; failures++) {
      try {
        return new Set(await this.#store.record(outcomes))
      } catch (error) {
        const delay = backoffDelay(retryBackoff, failures, this.#runtime.random)
        this.#logger.error('outcomes of pins cannot be stored', {
          error: String(error),
          outcomes: outcomes.length,
        })
        if (this.#closing.signal.aborted) return undefined
        await pause(this.#runtime.scheduler, delay, this.#closing.signal)
      }
    }
  }

  /** From now on each outcome is tried once only: what cannot be stored is proven anew after the next start. */
  close(): void {
    this.#closing.abort()
  }
}
