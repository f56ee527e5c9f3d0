/**
 * The network between the peers: announcements that go to all, and blocks that one asks another for. Messages may be lost,
 * doubled, delayed and so overtake each other; pairs may be cut off from each other.
 */
import type { CID } from 'multiformats/cid'
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

export type Message =
  /** Bytes of the pubsub topic. */
  | { type: 'announcement'; bytes: Uint8Array }
  | { type: 'want'; request: number; cid: CID }
  /** `bytes` undefined: the peer does not have it. */
  | { type: 'block'; request: number; bytes: Uint8Array | undefined }

export type Receiver = (from: string, message: Message) => void

export interface NetworkInit {
  time: VirtualTime
  random: SeededRandom
  trace: Trace
}

export class SimulatedNetwork {
  conditions: NetworkConditions = calmNetwork
  readonly #init: NetworkInit
  readonly #receivers = new Map<string, Receiver>()
  readonly #cut = new Set<string>()
  #requests = 0
  #lost = 0
  #doubled = 0

  constructor(init: NetworkInit) {
    this.#init = init
  }

  /** Messages that did not arrive, and that arrived twice. */
  get counts(): { lost: number; doubled: number } {
    return { lost: this.#lost, doubled: this.#doubled }
  }

  /** A number that no other request has, whatever life its peer is in. */
  newRequest(): number {
    return ++this.#requests
  }

  /** What comes for `name` goes to `receiver` from now on; undefined = nobody is there. */
  listen(name: string, receiver: Receiver | undefined): void {
    if (receiver === undefined) this.#receivers.delete(name)
    else this.#receivers.set(name, receiver)
  }

  /** Nothing gets from `from` to `to` any more, or again. */
  setCut(from: string, to: string, cut: boolean): void {
    if (cut) this.#cut.add(`${from} ${to}`)
    else this.#cut.delete(`${from} ${to}`)
  }

  publish(from: string, bytes: Uint8Array): void {
    for (const to of this.#receivers.keys())
      if (to !== from) this.send(from, to, { type: 'announcement', bytes })
  }

  send(from: string, to: string, message: Message): void {
    const { random } = this.#init
    if (this.#cut.has(`${from} ${to}`) || random.chance(this.conditions.loss)) {
      this.#lost++
      return
    }
    this.#deliver(from, to, message)
    if (!random.chance(this.conditions.doubled)) return
    this.#doubled++
    this.#deliver(from, to, message)
  }

  #deliver(from: string, to: string, message: Message): void {
    const { time, random, trace } = this.#init
    const { delay } = this.conditions
    time.after(random.between(delay.from, delay.to), () => {
      const receiver = this.#receivers.get(to)
      if (receiver === undefined) return
      trace.note(to, `gets ${message.type} from ${from}`)
      receiver(from, message)
    })
  }
}
