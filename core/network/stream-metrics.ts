/**
 * What the host does with every stream before a protocol gets it, through the door that libp2p has for metrics: its bytes
 * are counted, and it is read at the pace of its reader.
 */
import type { Metrics, Stream } from '@libp2p/interface'
import type { BandwidthMeter } from './bandwidth.ts'
import { received } from './stream-source.ts'

/** The methods by which a muxer's stream takes and gives bytes. */
interface MuxedStream extends Omit<Stream, typeof Symbol.asyncIterator> {
  onData(data: { byteLength: number }): void
  sendData(data: unknown): { sentBytes: number }
  [Symbol.asyncIterator]: () => AsyncGenerator<Uint8Array>
}

/** `watch`: told of each stream when its protocol is known. */
export function streamMetrics(meter: BandwidthMeter, watch: (stream: Stream) => void): Metrics {
  return {
    ...unused,
    trackProtocolStream(stream) {
      track(stream as unknown as MuxedStream, stream, meter)
      watch(stream)
    },
  }
}

function track(muxed: MuxedStream, stream: Stream, meter: BandwidthMeter): void {
  const { onData, sendData } = muxed
  const { protocol } = stream
  muxed.onData = (data) => {
    meter.count(protocol, 'in', data.byteLength)
    onData.call(muxed, data)
  }
  muxed.sendData = (data) => {
    const result = sendData.call(muxed, data)
    meter.count(protocol, 'out', result.sentBytes)
    return result
  }
  muxed[Symbol.asyncIterator] = () => received(stream)
}

const number = { update() {}, increment() {}, decrement() {}, reset() {}, timer: () => () => {} }
const distribution = { observe() {}, reset() {}, timer: () => () => {} }

/** Numbers that this program takes from elsewhere, or not at all. */
const unused = {
  trackMultiaddrConnection() {},
  registerMetric: () => number,
  registerMetricGroup: () => number,
  registerCounter: () => number,
  registerCounterGroup: () => number,
  registerHistogram: () => distribution,
  registerHistogramGroup: () => distribution,
  registerSummary: () => distribution,
  registerSummaryGroup: () => distribution,
  traceFunction: <F>(_name: string, run: F) => run,
  createTrace: () => undefined,
} as unknown as Metrics
