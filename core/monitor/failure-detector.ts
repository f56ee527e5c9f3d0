/**
 * Tells which metrics ran out without a newer one: a ping that did is a peer that is gone (`spec/wire.md` §5.5). It is given
 * the newest metric of each peer and name now and then, and alerts once for each that ran out until there was another.
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'
import type { Metric } from './metric.ts'
import type { HeardMetric } from './metric-window.ts'

export interface Alert {
  /** The last one of its name and peer; it holds no more. */
  metric: Metric
  triggeredAt: UnixNano
}

/** What has been alerted of, by peer and name. */
type Alerted = Map<PeerIdText, Map<string, Metric>>

export class FailureDetector {
  /** It has nothing that the last look did not see. */
  #alerted: Alerted = new Map()

  /** `newest`: each peer and name at most once; those that are missing are forgotten. Gives the new alerts. */
  check(newest: Iterable<HeardMetric>, now: UnixNano): Alert[] {
    const alerts: Alert[] = []
    const alerted: Alerted = new Map()
    for (const { metric, holds } of newest) {
      if (holds) continue
      // Another metric than the one that was alerted of held for a time, whether a look saw it or not.
      if (this.#alerted.get(metric.peer)?.get(metric.name) !== metric)
        alerts.push({ metric, triggeredAt: now })
      const ofPeer = alerted.get(metric.peer) ?? new Map<string, Metric>()
      alerted.set(metric.peer, ofPeer.set(metric.name, metric))
    }
    this.#alerted = alerted
    return alerts
  }
}
