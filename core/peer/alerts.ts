/** Looks at the metrics of all peers at intervals, and keeps and logs what it is alerted of. */
import { AlertList } from '../monitor/alert-list.ts'
import { type Alert, FailureDetector } from '../monitor/failure-detector.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'

/** Alerts of one look that are logged one by one; when much is cut off at once the list has the rest. */
const loggedAtOnce = 20

export interface AlertsInit {
  window: MetricWindow
  /** Milliseconds between two looks, `check_interval`. */
  interval: number
  runtime: Runtime
}

export class Alerts implements Disposable {
  readonly #init: AlertsInit
  readonly #logger: Logger
  readonly #detector = new FailureDetector()
  readonly #list = new AlertList()
  #timer: Timer | undefined

  constructor(init: AlertsInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('monitor')
  }

  start(): void {
    this.#timer = this.#init.runtime.scheduler.after(this.#init.interval, () => {
      this.start()
      this.#check()
    })
  }

  newestFirst(): Alert[] {
    return this.#list.newestFirst()
  }

  #check(): void {
    const { window, runtime } = this.#init
    const now = BigInt(runtime.clock.now()) * 1_000_000n
    window.forget()
    const alerts = this.#detector.check(window.newest(), now)
    this.#list.add(alerts)
    for (const { metric } of alerts.slice(0, loggedAtOnce)) {
      const last = `${(now - metric.receivedAt) / 1_000_000_000n} s ago`
      this.#logger.warn('a metric has expired', { metric: metric.name, peer: metric.peer, last })
    }
    if (alerts.length > loggedAtOnce) {
      this.#logger.warn('more metrics have expired', { metrics: alerts.length - loggedAtOnce })
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }
}
