/**
 * Tells which metrics ran out without a newer one: a ping that did is a peer that is gone (`spec/wire.md` §5.5). It is given
 * the newest metric of each peer and name now and then, and alerts once for each that expired until it was fresh again.
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'
import type { Metric } from './metric.ts'

export interface Alert {
  /** The last one of its name and peer; it has expired. */
  metric: Metric
  triggeredAt: UnixNano
}

/** What has been alerted of, by peer and name. */
type Alerted = Map<PeerIdText, Map<string, Metric>>

export class FailureDetector {
  /** It has nothing that the last look did not see. */
  #alerted: Alerted = new Map()

  /** `newest`: each peer and name at most once; those that are missing are forgotten. Gives the new alerts. */
  check(newest: Iterable<Metric>, now: UnixNano): Alert[] {
    const alerts: Alert[] = []
    const alerted: Alerted = new Map()
    for (const metric of newest) {
      if (!metric.valid || metric.expire > now) continue
      const known = this.#alerted.get(metric.peer)?.get(metric.name)
      const isNew = known === undefined || (known.receivedAt < metric.receivedAt && wasFresh(metric))
      if (isNew) alerts.push({ metric, triggeredAt: now })
      const ofPeer = alerted.get(metric.peer) ?? new Map<string, Metric>()
      alerted.set(metric.peer, ofPeer.set(metric.name, isNew ? metric : known))
    }
    this.#alerted = alerted
    return alerts
  }
}

/** Metrics of a peer whose clock is late come expired, each of them; that is one alert and not many. */
function wasFresh(metric: Metric): boolean {
  return metric.expire > metric.receivedAt
}
