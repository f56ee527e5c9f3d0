/**
 * One life of a peer's process. Everything that its code asks of the world goes through here; once it is killed, nothing
 * that it asked ever answers, nothing that it hears reaches it, and what it says is not heard: as if the process was gone.
 */
import type { Scheduler, Timer } from '../../core/runtime/ports.ts'

export class Incarnation {
  readonly #death = new AbortController()

  get alive(): boolean {
    return !this.#death.signal.aborted
  }

  /** Aborts at the kill: connections of the process to others end then. */
  get death(): AbortSignal {
    return this.#death.signal
  }

  kill(): void {
    this.#death.abort(new Error('killed'))
  }

  /** The answer of the world, if the process lives to hear it. */
  hear<Value>(answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => {
          if (this.alive) resolve(value)
        },
        (error) => {
          if (this.alive) reject(error)
        },
      )
    })
  }

  /** A callback that the dead do not get. */
  heard<Args extends unknown[]>(callback: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      if (this.alive) callback(...args)
    }
  }

  /** Aborts with `signal`, and at the kill. */
  untilDeath(signal: AbortSignal | undefined): AbortSignal {
    const either = new AbortController()
    for (const one of [signal, this.#death.signal]) {
      if (one?.aborted === true) either.abort(one.reason)
      else one?.addEventListener('abort', () => either.abort(one.reason), { once: true })
    }
    return either.signal
  }

  /** Timers of this life only. */
  scheduler(world: Scheduler): Scheduler {
    return {
      after: (ms: number, task: () => void): Timer => world.after(ms, this.heard(task)),
    }
  }
}
