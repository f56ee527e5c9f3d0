import { describe, expect, test } from 'bun:test'
import { decodeMetric, encodeMetric } from '../../../core/network/metric-message.ts'
import { headsTopic, messageId, metricsTopic } from '../../../core/network/topics.ts'
import identities from '../../vectors/identity.json'
import live from '../../vectors/live_daemon.json'
import vectors from '../../vectors/metrics.json'

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (data: Uint8Array) => Buffer.from(data).toString('hex')

describe('metrics on the wire', () => {
  // The time of reception is never sent; one vector has it.
  for (const vector of vectors.metrics.filter((each) => each.metric.received_at === 0)) {
    test(`${vector.name} of ${vector.metric.value || 'no value'} is written as Go writes it`, () => {
      const metric = decodeMetric(fromHex(vector.pubsub_data_hex), vector.metric.peer, 5n)
      const { name, value, valid, weight, partitionable } = vector.metric
      expect(metric).toMatchObject({ name, value, valid, weight, partitionable, receivedAt: 5n })
      expect(toHex(encodeMetric(metric))).toBe(vector.pubsub_data_hex)
    })
  }
  test('are read behind the prefix of very old peers', () => {
    const [vector] = vectors.metrics
    const message = fromHex(vectors.legacy_prefix_hex + vector!.pubsub_data_hex)
    expect(decodeMetric(message, vector!.metric.peer, 0n).name).toBe(vector!.metric.name)
  })
  test('count for nobody but their signer', () => {
    const [vector] = vectors.metrics
    expect(() => decodeMetric(fromHex(vector!.pubsub_data_hex), 'somebody else', 0n)).toThrow('is signed by')
  })
  test('are refused when cut off or followed by other bytes', () => {
    const whole = fromHex(vectors.metrics[0]!.pubsub_data_hex)
    const peer = vectors.metrics[0]!.metric.peer
    expect(() => decodeMetric(whole.subarray(0, -1), peer, 0n)).toThrow('cut off')
    expect(() => decodeMetric(new Uint8Array([...whole, 0]), peer, 0n)).toThrow('followed by other bytes')
  })
})

describe('topics and message IDs', () => {
  test('of metrics is the one that Go uses', () => {
    expect(metricsTopic).toBe(vectors.topic)
  })
  for (const { cluster_name, topic } of identities.crdt_topics) {
    test(`of heads for the cluster "${cluster_name}" is the one that Go uses`, () => {
      expect(headsTopic(cluster_name)).toBe(topic)
    })
  }
  test('of messages are those that Go computes', () => {
    expect(live.pubsub_messages.length).toBeGreaterThan(0)
    for (const message of live.pubsub_messages) {
      const id = messageId(fromHex(message.from_hex), BigInt(`0x${message.seqno_hex}`))
      expect(toHex(id)).toBe(message.message_id_hex)
    }
  })
})
