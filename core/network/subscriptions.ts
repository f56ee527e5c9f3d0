/** Which peers take part in a topic, as they said themselves. */
import type { SubscriptionChangeData } from '@chainsafe/libp2p-gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { PeerIdText } from '../pin/pin.ts'

type OnSubscription = (event: CustomEvent<SubscriptionChangeData>) => void

/** As much of the library's pubsub as is listened to. */
export interface Subscriptions {
  getSubscribers(topic: string): PeerId[]
  addEventListener(type: 'subscription-change', listener: OnSubscription): void
  removeEventListener(type: 'subscription-change', listener: OnSubscription): void
}

export function takesPart(pubsub: Subscriptions, peer: PeerIdText, topic: string): boolean {
  return pubsub.getSubscribers(topic).some((each) => each.toString() === peer)
}
