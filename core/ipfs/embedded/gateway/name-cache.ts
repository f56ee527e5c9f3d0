/** Keeps what names stand for while it holds: a page with many pictures would else look its name up for each of them. */
import type { Clock } from '../../../runtime/ports.ts'
import type { FoundName } from '../exchange/names.ts'
import type { GatewayNode } from './gateway-node.ts'

/** Names kept, and ms for those that do not say how long they hold. */
const maxNames = 128
const defaultTtl = 60_000

interface Kept {
  found: FoundName
  /** On the monotonic clock, ms. */
  until: number
}

export class NameCache {
  readonly #find: GatewayNode['findName']
  readonly #clock: Clock
  /** The longest there comes first. */
  readonly #kept = new Map<string, Kept>()

  constructor(find: GatewayNode['findName'], clock: Clock) {
    this.#find = find
    this.#clock = clock
  }

  /** Its `ttl` is what is left of it. Rejects with what the search rejects with, which is not kept. */
  async find(name: string, signal: AbortSignal): Promise<FoundName> {
    const kept = this.#kept.get(name)
    const left = kept === undefined ? 0 : Math.floor((kept.until - this.#clock.monotonic()) / 1_000)
    if (kept !== undefined && left > 0) {
      return { ...kept.found, ttl: kept.found.ttl === undefined ? undefined : left }
    }
    return this.refresh(name, signal)
  }

  /** Asks for it, also when it is kept. */
  async refresh(name: string, signal: AbortSignal): Promise<FoundName> {
    this.#kept.delete(name)
    const found = await this.#find(name, signal)
    this.#keep(name, found)
    return found
  }

  #keep(name: string, found: FoundName): void {
    this.#kept.delete(name)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= maxNames && oldest !== undefined) this.#kept.delete(oldest)
    const holds = found.ttl === undefined ? defaultTtl : found.ttl * 1_000
    this.#kept.set(name, { found, until: this.#clock.monotonic() + holds })
  }
}
