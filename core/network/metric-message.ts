/** Metrics as pubsub messages carry them (`spec/wire.md` §5.1). */
import type { Metric } from '../monitor/metric.ts'
import type { PeerIdText, UnixNano } from '../pin/pin.ts'
import { encoded } from './rpc/client.ts'
import { MsgpackError, MsgpackReader, valueEnd } from './rpc/msgpack.ts'
import { metricWire } from './rpc/wire-types.ts'

/** What very old peers put before the map: a byte count, then `/msgpack` and a line end. */
const legacyPrefix = new TextEncoder().encode('\t/msgpack\n')

export function encodeMetric(metric: Metric): Uint8Array {
  return encoded(metricWire, {
    n: metric.name || undefined,
    p: metric.peer,
    v: metric.value || undefined,
    e: metric.expire,
    d: metric.valid || undefined,
    w: metric.weight === 0 ? undefined : BigInt(Math.trunc(metric.weight)),
    o: metric.partitionable || undefined,
  })
}

/** Throws `MsgpackError`. The signer is who the metric counts for (`spec/behaviour.md` §11 no. 30). */
export function decodeMetric(message: Uint8Array, signer: PeerIdText, receivedAt: UnixNano): Metric {
  const body = startsWith(message, legacyPrefix) ? message.subarray(legacyPrefix.length) : message
  if (valueEnd(body, 0) !== body.length)
    throw new MsgpackError('a metric is followed by other bytes, or cut off')
  const wire = metricWire.read(new MsgpackReader(body))
  if (wire.p !== signer) throw new MsgpackError(`a metric of ${wire.p} is signed by ${signer}`)
  return {
    name: wire.n ?? '',
    peer: signer,
    value: wire.v ?? '',
    expire: wire.e ?? 0n,
    valid: wire.d ?? false,
    weight: Number(wire.w ?? 0n),
    partitionable: wire.o ?? false,
    receivedAt,
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}
