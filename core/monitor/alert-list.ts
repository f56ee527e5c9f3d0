/** The last alerts, for those who ask. */
import type { Alert } from './failure-detector.ts'

/** Older ones are dropped. */
export const maxAlerts = 1000

export class AlertList {
  /** Oldest first. */
  #alerts: Alert[] = []

  add(alerts: readonly Alert[]): void {
    this.#alerts = [...this.#alerts, ...alerts].slice(-maxAlerts)
  }

  newestFirst(): Alert[] {
    return this.#alerts.toReversed()
  }
}
