/** Bytes that came in and went out, by protocol, and how fast. */
import type { Clock } from '../runtime/ports.ts'

export interface Bandwidth {
  /** Bytes since the start. */
  totalIn: number
  totalOut: number
  /** Bytes a second, over the last `windowSeconds`. */
  rateIn: number
  rateOut: number
}

/** Seconds that rates are taken over. */
const windowSeconds = 10

export class BandwidthMeter {
  readonly #clock: Clock
  readonly #protocols = new Map<string, { in: Flow; out: Flow }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  count(protocol: string, direction: 'in' | 'out', bytes: number): void {
    let flows = this.#protocols.get(protocol)
    if (flows === undefined) this.#protocols.set(protocol, (flows = { in: new Flow(), out: new Flow() }))
    flows[direction].add(bytes, this.#second())
  }

  byProtocol(): Map<string, Bandwidth> {
    const now = this.#second()
    const report = new Map<string, Bandwidth>()
    for (const [protocol, flows] of this.#protocols) {
      report.set(protocol, {
        totalIn: flows.in.total,
        totalOut: flows.out.total,
        rateIn: flows.in.rate(now),
        rateOut: flows.out.rate(now),
      })
    }
    return report
  }

  #second(): number {
    return Math.floor(this.#clock.monotonic() / 1000)
  }
}

/** A total, and a ring of the bytes of the last seconds. */
class Flow {
  total = 0
  readonly #ring = new Float64Array(windowSeconds + 1)
  /** The second that the ring ends with. */
  #newest = 0

  add(bytes: number, second: number): void {
    this.#advance(second)
    this.total += bytes
    this.#ring[second % this.#ring.length]! += bytes
  }

  rate(second: number): number {
    this.#advance(second)
    // The second that has only begun does not count.
    const sum =
      this.#ring.reduce((total, bytes) => total + bytes, 0) - this.#ring[second % this.#ring.length]!
    return sum / windowSeconds
  }

  #advance(second: number): void {
    const passed = Math.min(second - this.#newest, this.#ring.length)
    for (let step = 1; step <= passed; step++) this.#ring[(this.#newest + step) % this.#ring.length] = 0
    if (passed === this.#ring.length) this.#ring.fill(0)
    this.#newest = Math.max(second, this.#newest)
  }
}
