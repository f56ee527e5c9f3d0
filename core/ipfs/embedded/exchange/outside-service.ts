/**
 * A service of somebody else that the node uses and can do without: a router, a gateway, a node to begin with. Such services
 * go away, are sold or fall silent. One that fails rests, longer each time, is then tried by one request at a time, and is
 * named in the log with the setting that lists it.
 */
import type { Runtime } from '../../../runtime/ports.ts'

export interface OutsideServiceInit {
  /** What the log calls it: no credentials, no query. */
  name: string
  /** The setting that lists it, under `ipfs_connector.embedded`. */
  setting: 'bootstrap' | 'delegated_routers' | 'trustless_gateways'
  runtime: Pick<Runtime, 'clock' | 'logger'>
}

/** One use of a service. Disposed of without a word about how it went, it changes nothing. */
export interface Attempt extends Disposable {
  worked(): void
  /** `pause`: ms that the service itself asks to be left alone. */
  failed(error: unknown, pause?: number): void
}

/** ms for which a service rests after a failure, doubled with each one in a row, and at most. */
const firstRest = 10_000
const longestRest = 10 * 60_000
/** ms between two warnings about one service, so that one that comes and goes does not fill the log. */
const warningInterval = 60 * 60_000
/** Characters of a cause that are logged. */
const longestCause = 200

export class OutsideService {
  readonly name: string
  readonly #init: OutsideServiceInit
  #failures = 0
  /** On the monotonic clock, ms. */
  #restsUntil = Number.NEGATIVE_INFINITY
  #warnedAt = Number.NEGATIVE_INFINITY
  /** The log says that it fails, and not yet that it works again. */
  #isWarned = false
  #attempts = 0

  constructor(init: OutsideServiceInit) {
    this.name = init.name
    this.#init = init
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  /** Undefined while it rests, and while another attempt finds out whether it works again. */
  begin(): Attempt | undefined {
    const isDoubtful = this.#failures > 0
    if (this.#restsUntil > this.#init.runtime.clock.monotonic() || (isDoubtful && this.#attempts > 0))
      return undefined
    this.#attempts++
    return {
      worked: () => this.#worked(),
      failed: (error, pause) => this.#failed(error, pause),
      [Symbol.dispose]: () => void this.#attempts--,
    }
  }

  #worked(): void {
    this.#failures = 0
    this.#restsUntil = Number.NEGATIVE_INFINITY
    if (!this.#isWarned) return
    this.#isWarned = false
    this.#init.runtime.logger.info(`${this.name} works again`, { setting: this.#setting })
  }

  #failed(error: unknown, pause = 0): void {
    const { clock, logger } = this.#init.runtime
    const now = clock.monotonic()
    // Requests that ran together when it failed count as one failure.
    if (this.#restsUntil > now) return
    const rest = Math.min(Math.max(firstRest * 2 ** this.#failures++, pause), longestRest)
    this.#restsUntil = now + rest
    const fields = { setting: this.#setting, seconds: rest / 1000, error: causeOf(error) }
    if (this.#isWarned || now - this.#warnedAt < warningInterval) {
      logger.debug(`${this.name} still fails and rests`, fields)
      return
    }
    this.#isWarned = true
    this.#warnedAt = now
    logger.warn(
      `${this.name} fails and is asked less and less often; the node goes on without it. If it is gone for good, take it ` +
        'out of the setting',
      fields,
    )
  }

  get #setting(): string {
    return `ipfs_connector.embedded.${this.#init.setting}`
  }
}

/** Services for the URLs of a setting. */
export function servicesAt(
  urls: readonly string[],
  setting: OutsideServiceInit['setting'],
  runtime: OutsideServiceInit['runtime'],
): WebService[] {
  return urls.map((url) => new WebService(url, { name: new URL(url).origin, setting, runtime }))
}

/** One that is asked over HTTP. */
export class WebService extends OutsideService {
  readonly url: string

  constructor(url: string, init: OutsideServiceInit) {
    super(init)
    this.url = url
  }
}

function causeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.slice(0, longestCause)
}
