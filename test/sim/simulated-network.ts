/**
 * The network between the peers: announcements and metrics that go to all, and blocks that one asks another for. Messages
 * may be lost, doubled, delayed and so overtake each other; pairs may be cut off from each other.
 */
import type { CID } from 'multiformats/cid'
import type { Metric } from '../../core/monitor/metric.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface NetworkConditions {
  /** Probability that a message does not arrive. */
  loss: number
  /** Probability that it arrives twice. */
  doubled: number
  /** Milliseconds that it takes. */
  delay: { from: number; to: number }
}

export const calmNetwork: NetworkConditions = { loss: 0, doubled: 0, delay: { from: 1, to: 10 } }

/** Groups of peers that a metric reaches at one moment each. */
const metricGroups = 3

export type Message =
  /** Bytes of the pubsub topic. */
  | { type: 'announcement'; bytes: Uint8Array }
  | { type: 'metric'; metric: Metric }
  | { type: 'want'; request: number; cid: CID }
  /** `bytes` undefined: the peer does not have it. */
  | { type: 'block'; request: number; bytes: Uint8Array | undefined }

/** Peers are told apart by their IDs, which nobody can make up for another. */
export type Receiver = (from: PeerIdText, message: Message) => void

export interface NetworkInit {
  time: VirtualTime
  random: SeededRandom
  trace: Trace
  /** What people call a peer. */
  nameOf(peer: PeerIdText): string
}

interface Listener {
  receive: Receiver
  /** Somebody else can be reached from now on. */
  met(peer: PeerIdText): void
}

export class SimulatedNetwork {
  conditions: NetworkConditions = calmNetwork
  readonly counts = { 'messages lost': 0, 'messages doubled': 0, 'messages reordered': 0, 'messages late': 0 }
  readonly #init: NetworkInit
  readonly #listeners = new Map<PeerIdText, Listener>()
  readonly #cut = new Map<PeerIdText, Map<PeerIdText, number>>()
  /** When the last message of a pair arrives. */
  readonly #lastArrival = new Map<string, number>()
  #requests = 0

  constructor(init: NetworkInit) {
    this.#init = init
  }

  /** A number that no other request has, whatever life its peer is in. */
  newRequest(): number {
    return ++this.#requests
  }

  /** What comes for `peer` goes to `listener` from now on. */
  join(peer: PeerIdText, listener: Listener): void {
    const others = [...this.#listeners].filter(([id]) => id !== peer)
    this.#listeners.set(peer, listener)
    for (const [id, other] of others) {
      other.met(peer)
      listener.met(id)
    }
  }

  /** Nobody is there any more. */
  leave(peer: PeerIdText): void {
    this.#listeners.delete(peer)
  }

  /** Nothing gets from `from` to `to` until what is returned is called. */
  cut(from: PeerIdText, to: PeerIdText): () => void {
    this.#addCut(from, to, 1)
    let isCut = true
    return () => {
      if (isCut) this.#addCut(from, to, -1)
      isCut = false
    }
  }

  /** Everybody reaches everybody. */
  heal(): void {
    this.conditions = calmNetwork
    this.#cut.clear()
  }

  publish(from: PeerIdText, message: Message): void {
    const others = [...this.#listeners.keys()].filter((to) => to !== from)
    if (message.type === 'metric') this.#spread(from, others, message)
    else for (const to of others) this.send(from, to, message)
  }

  send(from: PeerIdText, to: PeerIdText, message: Message): void {
    for (let copies = this.#copies(from, to); copies > 0; copies--) this.#deliver(from, to, message)
  }

  /** Metrics are many: they reach a few groups of peers, each at one moment. */
  #spread(from: PeerIdText, to: readonly PeerIdText[], message: Message): void {
    const { time, random } = this.#init
    const groups = Array.from({ length: metricGroups }, (): PeerIdText[] => [])
    for (const peer of to) {
      for (let copies = this.#copies(from, peer); copies > 0; copies--) random.pick(groups).push(peer)
    }
    const { delay } = this.conditions
    for (const group of groups) {
      if (group.length === 0) continue
      time.after(random.between(delay.from, delay.to), () => {
        for (const peer of group) this.#listeners.get(peer)?.receive(from, message)
      })
    }
  }

  /** How often a message arrives. */
  #copies(from: PeerIdText, to: PeerIdText): 0 | 1 | 2 {
    const { random } = this.#init
    const { loss, doubled } = this.conditions
    if ((this.#cut.get(from)?.get(to) ?? 0) > 0 || (loss > 0 && random.chance(loss))) {
      this.counts['messages lost']++
      return 0
    }
    if (doubled === 0 || !random.chance(doubled)) return 1
    this.counts['messages doubled']++
    return 2
  }

  #deliver(from: PeerIdText, to: PeerIdText, message: Message): void {
    const { time, random, trace, nameOf } = this.#init
    const { delay } = this.conditions
    const takes = random.between(delay.from, delay.to)
    this.#count(from, to, takes)
    time.after(takes, () => {
      const listener = this.#listeners.get(to)
      if (listener === undefined) return
      trace.note(nameOf(to), `gets ${message.type} from ${nameOf(from)}`)
      listener.receive(from, message)
    })
  }

  #count(from: PeerIdText, to: PeerIdText, takes: number): void {
    const { counts } = this
    if (takes > calmNetwork.delay.to) counts['messages late']++
    const pair = `${from} ${to}`
    const arrives = this.#init.time.monotonic() + takes
    const last = this.#lastArrival.get(pair) ?? 0
    if (arrives < last) counts['messages reordered']++
    else this.#lastArrival.set(pair, arrives)
  }

  #addCut(from: PeerIdText, to: PeerIdText, by: number): void {
    const ofPeer = this.#cut.get(from) ?? new Map<PeerIdText, number>()
    ofPeer.set(to, Math.max(0, (ofPeer.get(to) ?? 0) + by))
    this.#cut.set(from, ofPeer)
  }
}
