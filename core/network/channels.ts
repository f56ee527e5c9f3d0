/**
 * The two pubsub topics as the rest of the peer uses them: heads of trusted signers, and metrics that count for nobody but
 * their signer (`spec/wire.md` §2.1, §2.3, §5.1). What else arrives is dropped and counted.
 */
import {
  type GossipSub,
  type GossipsubMessage,
  type Message,
  type SubscriptionChangeData,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub'
import { decodeBroadcast } from '../crdt/broadcast.ts'
import { messageOf } from '../error-text.ts'
import type { Metric } from '../monitor/metric.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Clock } from '../runtime/ports.ts'
import { decodeMetric, encodeMetric } from './metric-message.ts'
import type { Refusals } from './refusals.ts'
import type { HeadsChannel } from './replication.ts'
import { metricsTopic } from './topics.ts'

export interface MetricsChannel {
  /** Resolves when it is handed to the peers that take part; nobody may. */
  publish(metric: Metric): Promise<void>
  /** Metrics of other peers. Returns the function that ends it. */
  subscribe(listener: (metric: Metric) => void): () => void
}

/** Bytes of a message with a metric; the largest that Go sends, a ping with addresses, has a few thousand. */
const maxMetricBytes = 64 * 1024

/** `topic`: that of heads. Messages of signers that are not trusted, and broken ones, go no further, not even to others. */
export function openHeadsChannel(
  pubsub: GossipSub,
  topic: string,
  isTrusted: (peer: PeerIdText) => boolean,
  refusals: Refusals,
): HeadsChannel & Disposable {
  pubsub.topicValidators.set(topic, (_from, message) => {
    const signer = signerOf(message)
    if (signer === undefined || !isTrusted(signer)) {
      refusals.note('heads of an untrusted peer', signer ?? 'nobody', 'the signer is not among trusted_peers')
      return TopicValidatorResult.Reject
    }
    try {
      decodeBroadcast(message.data)
      return TopicValidatorResult.Accept
    } catch (error) {
      refusals.note('broken heads', signer, messageOf(error))
      return TopicValidatorResult.Reject
    }
  })
  const topicHandle = openTopic(pubsub, topic)
  return {
    publish: (message) => topicHandle.publish(message),
    subscribe: (listener) => topicHandle.subscribe(listener),
    onListener(listener) {
      const onSubscription = ({ detail: { subscriptions } }: CustomEvent<SubscriptionChangeData>) => {
        if (subscriptions.some((each) => each.topic === topic && each.subscribe)) listener()
      }
      pubsub.addEventListener('subscription-change', onSubscription)
      return () => pubsub.removeEventListener('subscription-change', onSubscription)
    },
    [Symbol.dispose]: () => topicHandle[Symbol.dispose](),
  }
}

export function openMetricsChannel(
  pubsub: GossipSub,
  clock: Clock,
  refusals: Refusals,
): MetricsChannel & Disposable {
  pubsub.topicValidators.set(metricsTopic, (_from, message) => {
    if (message.data.length <= maxMetricBytes) return TopicValidatorResult.Accept
    refusals.note('broken metric', signerOf(message) ?? 'nobody', `it has ${message.data.length} bytes`)
    return TopicValidatorResult.Reject
  })
  const topicHandle = openTopic(pubsub, metricsTopic)
  return {
    publish: (metric) => topicHandle.publish(encodeMetric(metric)),
    subscribe: (listener) =>
      topicHandle.subscribe((message, signer) => {
        let metric: Metric
        try {
          metric = decodeMetric(message, signer, BigInt(clock.now()) * 1_000_000n)
        } catch (error) {
          refusals.note('broken metric', signer, messageOf(error))
          return
        }
        listener(metric)
      }),
    [Symbol.dispose]: () => topicHandle[Symbol.dispose](),
  }
}

function openTopic(pubsub: GossipSub, topic: string): HeadsChannel & Disposable {
  const listeners = new Set<(message: Uint8Array, signer: PeerIdText) => void>()
  const onMessage = ({ detail: { msg } }: CustomEvent<GossipsubMessage>) => {
    const signer = signerOf(msg)
    if (msg.topic !== topic || signer === undefined) return
    for (const listener of listeners) listener(msg.data, signer)
  }
  pubsub.addEventListener('gossipsub:message', onMessage)
  pubsub.subscribe(topic)
  return {
    publish: async (message) => void (await pubsub.publish(topic, message)),
    subscribe(listener) {
      // Each subscription is its own, though two may have the same listener.
      const own: typeof listener = (message, signer) => listener(message, signer)
      listeners.add(own)
      return () => listeners.delete(own)
    },
    [Symbol.dispose]() {
      pubsub.removeEventListener('gossipsub:message', onMessage)
      pubsub.topicValidators.delete(topic)
      pubsub.unsubscribe(topic)
    },
  }
}

function signerOf(message: Message): PeerIdText | undefined {
  return message.type === 'signed' ? message.from.toString() : undefined
}
