/**
 * The peers that hear what is published on a topic: they said that they listen, and the stream to them is open, without
 * which the library drops what it is to send them. A new connection has both a few round trips after it was made.
 */
import type { SubscriptionChangeData } from '@chainsafe/libp2p-gossipsub'
import type { PeerIdText } from '../pin/pin.ts'
import type { Scheduler, Timer } from '../runtime/ports.ts'
import { type Subscriptions, takesPart } from './subscriptions.ts'

/** As much of the library's router as is looked at. */
export interface Router extends Subscriptions {
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  /** Takes a peer into the mesh of a topic; false when it cannot, or has. */
  graftOnSubscribe(peer: PeerIdText, topic: string): boolean
  sendGraft(peer: PeerIdText, topics: string[]): void
}

/** Milliseconds between two looks whether the stream to a peer that listens is open, and how many there are. */
const lookInterval = 50
const maxLooks = 100
/** Milliseconds that a peer may take to publish to this one after both have said that they listen. */
const settleTime = 100

export class Listeners implements Disposable {
  readonly #router: Router
  readonly #topic: string
  readonly #scheduler: Scheduler
  readonly #timers = new Map<PeerIdText, Timer>()
  readonly #waiting = new Set<{ peer: PeerIdText; heard: () => void }>()
  readonly #onListener: (peer: PeerIdText) => void

  /** `onListener` is told of each peer from when on it hears. */
  constructor(router: Router, topic: string, scheduler: Scheduler, onListener: (peer: PeerIdText) => void) {
    this.#router = router
    this.#topic = topic
    this.#scheduler = scheduler
    this.#onListener = onListener
    router.addEventListener('subscription-change', this.#onSubscription)
  }

  /** Resolves when the peer hears and has had a moment to take that in, and else after `ms` milliseconds. */
  async until(peer: PeerIdText, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { peer, heard: resolve }
    this.#waiting.add(waiting)
    const timer = this.#scheduler.after(ms, resolve)
    if (this.#hears(peer)) resolve()
    await promise
    timer.cancel()
    this.#waiting.delete(waiting)
    await new Promise<void>((settled) => void this.#scheduler.after(settleTime, settled))
  }

  readonly #onSubscription = ({
    detail: { peerId, subscriptions },
  }: CustomEvent<SubscriptionChangeData>): void => {
    if (subscriptions.some(({ topic, subscribe }) => subscribe && topic === this.#topic))
      this.#look(peerId.toString(), maxLooks)
  }

  #look(peer: PeerIdText, looksLeft: number): void {
    this.#timers.get(peer)?.cancel()
    this.#timers.delete(peer)
    if (this.#hears(peer)) {
      // The library does it too, but for peers whose stream was not open yet. One of the original that has just started
      // publishes to its mesh alone, which others would make at their next heartbeat.
      if (this.#router.graftOnSubscribe(peer, this.#topic)) this.#router.sendGraft(peer, [this.#topic])
      this.#onListener(peer)
      for (const waiting of this.#waiting) if (waiting.peer === peer) waiting.heard()
    } else if (looksLeft > 0) {
      this.#timers.set(
        peer,
        this.#scheduler.after(lookInterval, () => this.#look(peer, looksLeft - 1)),
      )
    }
  }

  #hears(peer: PeerIdText): boolean {
    return this.#router.streamsOutbound.has(peer) && takesPart(this.#router, peer, this.#topic)
  }

  [Symbol.dispose](): void {
    this.#router.removeEventListener('subscription-change', this.#onSubscription)
    for (const timer of this.#timers.values()) timer.cancel()
    for (const { heard } of this.#waiting) heard()
  }
}
