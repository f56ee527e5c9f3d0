/** What a look at all pins has found: how many need copies and who is to act, without keeping any of the pins. */
import type { PeerIdText } from '../pin/pin.ts'
import type { Need } from './copies.ts'

export class Survey {
  /** Pins below their min, by their living copies. */
  readonly #lacking: number[] = []
  #toTopUp = 0
  /** Pins of either kind, by the peer that is responsible first. */
  readonly shares = new Map<PeerIdText, number>()
  /** Peers that hold pins below their min and are missed. */
  readonly missed = new Set<PeerIdText>()

  add(need: NonNullable<Need>, responsible: PeerIdText, missed: readonly PeerIdText[]): void {
    this.shares.set(responsible, (this.shares.get(responsible) ?? 0) + 1)
    if (need === 'topUp') this.#toTopUp += 1
    else {
      this.#lacking[need] = (this.#lacking[need] ?? 0) + 1
      for (const peer of missed) this.missed.add(peer)
    }
  }

  /** Pins below their min. */
  get lacking(): number {
    return this.#lacking.reduce((sum, pins) => sum + pins, 0)
  }

  get toTopUp(): number {
    return this.#toTopUp
  }

  /** What is to be done, the most urgent first. */
  *needs(): Generator<NonNullable<Need>> {
    for (const copies of Object.keys(this.#lacking)) yield Number(copies)
    if (this.#toTopUp > 0) yield 'topUp'
  }
}
