/**
 * Whether this peer itself was there to hear others. A process that was stopped, starved or asleep, or whose clock jumped,
 * heard nothing meanwhile: that says nothing about the others. So it doubts itself before it misses anybody, as in
 * "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (arXiv:1707.00788).
 *
 * Time in which it was not there, a lapse, does not count; and who was alive at its beginning stays so for a while after it,
 * in which the others have the time to be heard again.
 */
import type { Clock, Scheduler, Timer } from '../runtime/ports.ts'

export interface AttentionInit {
  clock: Clock
  scheduler: Scheduler
  /** Milliseconds that a ping of this peer holds. All other times are parts or multiples of it. */
  pingTtl: number
  /** Told of each lapse that begins a doubt. */
  onLapse?(lapse: Lapse): void
}

export interface Lapse {
  /** Milliseconds that this peer was late by its monotonic clock. */
  late: number
  /** Milliseconds by which the clock that people read went on more, or less, than the monotonic one. */
  jump: number
  /** Milliseconds from now in which nobody is missed. */
  doubt: number
}

/** Looks at the clocks while a ping of this peer holds. */
const looksPerPing = 30
/** A look that is later than this many others, or clocks that differ by as much, are a lapse. */
const lapseLooks = 3
/** Times that a ping holds: the longest that one doubt lasts when lapse follows lapse. Then others are missed again. */
const longestDoubt = 4

/** In attentive milliseconds. */
interface Doubt {
  from: number
  until: number
}

export class Attention implements Disposable {
  readonly #init: AttentionInit
  #attentive = 0
  #monotonic: number
  #wall: number
  #doubt: Doubt = { from: 0, until: 0 }
  #timer: Timer | undefined

  constructor(init: AttentionInit) {
    this.#init = init
    this.#monotonic = init.clock.monotonic()
    this.#wall = init.clock.now()
  }

  /** Milliseconds that a ping of this peer holds. */
  get pingTtl(): number {
    return this.#init.pingTtl
  }

  /** Looks at the clocks from now on; what was before does not count. */
  start(): void {
    const { clock } = this.#init
    this.#monotonic = clock.monotonic()
    this.#wall = clock.now()
    this.#lookLater()
  }

  /** Milliseconds for which this peer has been attentive. It never goes back. */
  now(): number {
    const { clock, pingTtl } = this.#init
    const [monotonic, wall] = [clock.monotonic(), clock.now()]
    const passed = monotonic - this.#monotonic
    const jump = wall - this.#wall - passed
    this.#monotonic = monotonic
    this.#wall = wall
    const late = passed - pingTtl / looksPerPing
    const tolerance = (pingTtl / looksPerPing) * lapseLooks
    if (late > tolerance || Math.abs(jump) > tolerance) this.#lapsed(Math.max(0, late), jump)
    else this.#attentive += passed
    return this.#attentive
  }

  /**
   * Tells of this moment whether what was to hold until a deadline, in attentive milliseconds, still holds: also a while
   * later when this peer doubts itself.
   */
  judge(): (deadline: number) => boolean {
    const now = this.now()
    const { from, until } = this.#doubt
    const earliest = now < until ? from : now
    return (deadline) => deadline > earliest
  }

  #lookLater(): void {
    this.#timer = this.#init.scheduler.after(this.#init.pingTtl / looksPerPing, () => {
      this.now()
      this.#lookLater()
    })
  }

  #lapsed(late: number, jump: number): void {
    const { pingTtl, onLapse } = this.#init
    const now = this.#attentive
    const { from, until } = this.#doubt
    if (now < until) {
      this.#doubt = { from, until: Math.min(now + pingTtl, from + pingTtl * longestDoubt) }
      return
    }
    this.#doubt = { from: now, until: now + pingTtl }
    onLapse?.({ late, jump, doubt: pingTtl })
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }
}
