/**
 * One life of a peer's process. Everything that its code asks of the world goes through here; once it is killed, nothing
 * that it asked ever answers, nothing that it hears reaches it, and what it says is not heard: as if the process was gone.
 * While it is paused all that waits at the door, and comes in at once when it goes on.
 */
import type { Scheduler, Timer } from '../../core/runtime/ports.ts'

export class Incarnation {
  readonly #world: Scheduler
  readonly #death = new AbortController()
  /** What came while the process was paused; undefined while it runs. */
  #waiting: (() => void)[] | undefined

  constructor(world: Scheduler) {
    this.#world = world
  }

  get alive(): boolean {
    return !this.#death.signal.aborted
  }

  get paused(): boolean {
    return this.#waiting !== undefined
  }

  /** Aborts at the kill: connections of the process to others end then. */
  get death(): AbortSignal {
    return this.#death.signal
  }

  kill(): void {
    this.#waiting = undefined
    this.#death.abort(new Error('killed'))
  }

  pause(): void {
    this.#waiting ??= []
  }

  /** What waited comes in, in its order, each as an event of its own. */
  goOn(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const task of waiting) this.#world.after(0, () => this.enter(task))
  }

  /** Runs `task` inside the process: now, when it goes on, or never. */
  enter(task: () => void): void {
    if (!this.alive) return
    if (this.#waiting === undefined) task()
    else this.#waiting.push(task)
  }

  /** The answer of the world, if the process lives to hear it. */
  hear<Value>(answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.enter(() => resolve(value)),
        (error) => this.enter(() => reject(error)),
      )
    })
  }

  /** A callback that the dead do not get, and the paused get later. */
  heard<Args extends unknown[]>(callback: (...args: Args) => void): (...args: Args) => void {
    return (...args) => this.enter(() => callback(...args))
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
  get scheduler(): Scheduler {
    return {
      after: (ms: number, task: () => void): Timer => {
        let isArmed = true
        const timer = this.#world.after(ms, () =>
          this.enter(() => {
            if (isArmed) task()
          }),
        )
        return {
          cancel: () => {
            isArmed = false
            timer.cancel()
          },
        }
      },
    }
  }
}
