/** What a look at all pins has found: how many need copies and who is to act, without keeping any of the pins. */
import type { PeerIdText } from '../pin/pin.ts'
import type { Need } from './copies.ts'

export class Survey {
  /** Pins below their min, by their living copies. */
  readonly #lacking: number[] = []
  readonly #others = { handOver: 0, topUp: 0 }
  /** All of them, by the peer that is responsible first. */
  readonly shares = new Map<PeerIdText, number>()
  /** Peers that hold pins below their min and are missed. */
  readonly missed = new Set<PeerIdText>()

  add(need: NonNullable<Need>, responsible: PeerIdText, missed: readonly PeerIdText[]): void {
    this.shares.set(responsible, (this.shares.get(responsible) ?? 0) + 1)
    if (typeof need !== 'number') this.#others[need] += 1
    else {
      this.#lacking[need] = (this.#lacking[need] ?? 0) + 1
      for (const peer of missed) this.missed.add(peer)
    }
  }

  /** Pins below their min. */
  get lacking(): number {
    return this.#lacking.reduce((sum, pins) => sum + pins, 0)
  }

  /** Pins that have their min. */
  get others(): Readonly<Record<'handOver' | 'topUp', number>> {
    return this.#others
  }

  /** What is to be done, the most urgent first. */
  *needs(): Generator<NonNullable<Need>> {
    for (const copies of Object.keys(this.#lacking)) yield Number(copies)
    for (const need of ['handOver', 'topUp'] as const) if (this.#others[need] > 0) yield need
  }
}
