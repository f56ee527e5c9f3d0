/**
 * Counts the copies that this peer gave out and that metrics may not show yet, so that the next do not pile up on the same
 * peers. All counts begin anew together, once each peer that was given copies has told of itself since: one whose count began
 * anew alone would look as if it had been given nothing, and take as many as the others have had.
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'

interface Given {
  copies: number
  /** When the newest metric of the peer came as it was given the first of them. */
  since: UnixNano
}

export class GivenCopies {
  readonly #newestMetric: (peer: PeerIdText) => UnixNano | undefined
  readonly #given = new Map<PeerIdText, Given>()

  /** `newestMetric`: when the newest that allocation looks at came; undefined of a peer without any that holds. */
  constructor(newestMetric: (peer: PeerIdText) => UnixNano | undefined) {
    this.#newestMetric = newestMetric
  }

  add(peers: readonly PeerIdText[]): void {
    for (const peer of peers) {
      const given = this.#given.get(peer) ?? { copies: 0, since: this.#newestMetric(peer) ?? 0n }
      given.copies += 1
      this.#given.set(peer, given)
    }
  }

  /** By peer; those that have been given none are left out. */
  counts(): Map<PeerIdText, number> {
    let isOver = true
    for (const [peer, { since }] of this.#given) {
      const newest = this.#newestMetric(peer)
      // Nothing is given to it now, and nobody waits for what it may never tell.
      if (newest === undefined) this.#given.delete(peer)
      // Not a comparison: a clock that was set back makes newer metrics look older.
      else if (newest === since) isOver = false
    }
    if (isOver) this.#given.clear()
    return new Map([...this.#given].map(([peer, { copies }]) => [peer, copies]))
  }
}
