/**
 * Which peers are of this cluster, and which hold its secret but have another `crdt.cluster_name`. A peer says its name to
 * nobody; it subscribes to the heads of its own cluster, under a topic that comes from the name, and to the metrics of all
 * (`spec/wire.md` §2.1). So a connected peer that takes part in metrics and not in our heads is of another cluster. Of peers
 * that were never connected nothing is known, and they count, as they do for the original.
 */
import type { SubscriptionChangeData } from '@chainsafe/libp2p-gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger, Scheduler, Timer } from '../runtime/ports.ts'
import type { Refusals } from './refusals.ts'
import { type Subscriptions, takesPart } from './subscriptions.ts'

/** As much of the host as is listened to. */
export interface PeerEvents {
  addEventListener(
    type: 'peer:connect' | 'peer:disconnect',
    listener: (event: CustomEvent<PeerId>) => void,
  ): void
  removeEventListener(
    type: 'peer:connect' | 'peer:disconnect',
    listener: (event: CustomEvent<PeerId>) => void,
  ): void
}

export interface BelongingInit {
  host: PeerEvents
  pubsub: Subscriptions
  clusterName: string
  headsTopic: string
  metricsTopic: string
  refusals: Refusals
  logger: Logger
  scheduler: Scheduler
}

/** Milliseconds that a peer may take from its first subscription to that of our heads; one that starts takes a moment. */
const grace = 10_000
/** Peers that are remembered; beyond, the oldest is forgotten. */
const maxPeers = 10_000

export class Belonging implements Disposable {
  readonly #init: BelongingInit
  readonly #standing = new Map<PeerIdText, 'ours' | 'other'>()
  /** Connected peers that have not shown yet what they are. */
  readonly #waiting = new Map<PeerIdText, Timer>()

  constructor(init: BelongingInit) {
    this.#init = init
    const { host, pubsub } = init
    host.addEventListener('peer:connect', this.#onConnect)
    host.addEventListener('peer:disconnect', this.#onDisconnect)
    pubsub.addEventListener('subscription-change', this.#onSubscription)
  }

  /** Whether the metrics of a peer count. Those of one that has just connected do not, until it has shown what it is. */
  counts(peer: PeerIdText): boolean {
    const standing = this.#standing.get(peer)
    return standing === undefined ? !this.#waiting.has(peer) : standing === 'ours'
  }

  /** True of a peer that is known to be of another cluster. */
  isOther(peer: PeerIdText): boolean {
    return this.#standing.get(peer) === 'other'
  }

  /** True of a peer of which nothing can be said, as it was never connected. */
  isUnknown(peer: PeerIdText): boolean {
    return !this.#standing.has(peer) && !this.#waiting.has(peer)
  }

  [Symbol.dispose](): void {
    const { host, pubsub } = this.#init
    host.removeEventListener('peer:connect', this.#onConnect)
    host.removeEventListener('peer:disconnect', this.#onDisconnect)
    pubsub.removeEventListener('subscription-change', this.#onSubscription)
    for (const timer of this.#waiting.values()) timer.cancel()
  }

  readonly #onConnect = ({ detail }: CustomEvent<PeerId>): void => {
    const peer = detail.toString()
    if (!this.#takesPart(peer, this.#init.headsTopic)) this.#wait(peer)
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.#stopWaiting(detail.toString())
  }

  readonly #onSubscription = ({
    detail: { peerId, subscriptions },
  }: CustomEvent<SubscriptionChangeData>): void => {
    const { headsTopic, metricsTopic } = this.#init
    const peer = peerId.toString()
    const began = (topic: string) => subscriptions.some((each) => each.subscribe && each.topic === topic)
    if (began(headsTopic)) this.#accept(peer)
    else if (began(metricsTopic) && !this.#takesPart(peer, headsTopic)) this.#wait(peer)
  }

  #takesPart(peer: PeerIdText, topic: string): boolean {
    return takesPart(this.#init.pubsub, peer, topic)
  }

  #wait(peer: PeerIdText): void {
    this.#stopWaiting(peer)
    this.#waiting.set(
      peer,
      this.#init.scheduler.after(grace, () => {
        this.#waiting.delete(peer)
        if (this.#takesPart(peer, this.#init.metricsTopic)) this.#refuse(peer)
      }),
    )
  }

  #stopWaiting(peer: PeerIdText): void {
    this.#waiting.get(peer)?.cancel()
    this.#waiting.delete(peer)
  }

  #accept(peer: PeerIdText): void {
    this.#stopWaiting(peer)
    if (this.#standing.get(peer) === 'other') {
      this.#init.logger.info('a peer that was of another cluster is of this one now', { peer })
    }
    this.#remember(peer, 'ours')
  }

  #refuse(peer: PeerIdText): void {
    this.#remember(peer, 'other')
    this.#init.refusals.note(
      'peer of another cluster',
      peer,
      `it has our secret and takes no part in the pinset of ${JSON.stringify(this.#init.clusterName)}: most likely its ` +
        'crdt.cluster_name is another; it is no member here and is given no content',
    )
  }

  #remember(peer: PeerIdText, standing: 'ours' | 'other'): void {
    this.#standing.delete(peer)
    const [oldest] = this.#standing.keys()
    if (oldest !== undefined && this.#standing.size >= maxPeers) this.#standing.delete(oldest)
    this.#standing.set(peer, standing)
  }
}
