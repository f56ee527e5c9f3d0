/** Virtual time in which the process can be stopped, the machine sleep, and the clock be set. */
import type { Attention } from '../../core/monitor/attention.ts'
import type { Clock, Scheduler, Timer } from '../../core/runtime/ports.ts'
import { VirtualTime } from '../sim/virtual-time.ts'

export class DrivenClock implements Clock, Scheduler {
  readonly #time = new VirtualTime()
  #stopped = 0
  #shift = 0

  now(): number {
    return this.#time.now() + this.#stopped + this.#shift
  }

  monotonic(): number {
    return this.#time.monotonic() + this.#stopped
  }

  after(ms: number, task: () => void): Timer {
    return this.#time.after(ms, task)
  }

  /** Lets everything happen that is due within `ms`. */
  run(ms: number): void {
    this.#time.run(ms)
  }

  /** Time goes by and nothing happens, not even what is due: it happens after that, late. */
  stop(ms: number): void {
    this.#stopped += ms
  }

  /** The machine sleeps: what people read goes on, and the monotonic clock does not. The same as setting the clock. */
  shift(ms: number): void {
    this.#shift += ms
  }
}

/** Nothing ever lapses: what is needed of `Attention` where it is not the point. */
export function alwaysAttentive(clock: Clock): Pick<Attention, 'now' | 'judge' | 'pingTtl'> {
  return {
    now: () => clock.monotonic(),
    judge: () => (deadline) => deadline > clock.monotonic(),
    pingTtl: 30_000,
  }
}
