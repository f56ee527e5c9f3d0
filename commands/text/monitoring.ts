/** Metrics, alerts and traffic as people read them, byte for byte as the original's client (`spec/cli.md §2`). */
import type { AlertObject, BandwidthObject, MetricObject } from '../../core/client/shapes.ts'
import { parseTime } from '../../core/pin/time.ts'
import { bytesText } from './bytes.ts'
import { relativeTime } from './relative-time.ts'

/** `now`: ms since the epoch, as below. */
export function metricText({ peer, name, value, weight, expire }: MetricObject, now: number): string {
  const shown = name === 'freespace' && weight > 0 ? bytesText(Number(weight)) : value
  return `${peer} | ${name}: ${shown} | Expires in: ${relativeTime(BigInt(expire), nanoseconds(now))}\n`
}

export function alertText({ peer, name, expire, triggered_at }: AlertObject, now: number): string {
  const expired = relativeTime(BigInt(expire), nanoseconds(now))
  const triggered = relativeTime(parseTime(triggered_at), nanoseconds(now))
  return `${peer}: ${name}. Expired at: ${expired}. Triggered at: ${triggered}\n`
}

/** Bytes, and bytes a second. */
export function bandwidthText(bandwidth: BandwidthObject): string {
  return Object.entries(bandwidth)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([protocol, { total_in, total_out, rate_in, rate_out }]) => {
      const totals = `In: ${bytesText(total_in).padStart(7)}. Out: ${bytesText(total_out).padStart(7)}`
      const rates = `RateIn: ${rate_in.toFixed(2)}B/s. RateOut: ${rate_out.toFixed(2)}B/s`
      return `${protocol.padStart(25)}: ${totals}. ${rates}\n`
    })
    .join('')
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n
}
