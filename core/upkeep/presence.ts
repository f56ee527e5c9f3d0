/**
 * Which peers are gone for longer than the grace window, and which have come to stay for as long. It is told at short
 * intervals who is alive. Only time in which it was told counts: after a pause of this process nobody is gone at once.
 */
import type { PeerIdText } from '../pin/pin.ts'

export interface PresenceInit {
  /** Milliseconds without a sign of life after which a peer is gone, and of life after which it has come. */
  grace: number
  /** Milliseconds between two looks at most; of a longer gap no more counts. */
  longestStep: number
}

/** What a look found that was not so before. */
export interface PresenceNews {
  /** Only peers that were alive since this process began. */
  gone: PeerIdText[]
  come: PeerIdText[]
}

export class Presence {
  readonly #init: PresenceInit
  /** Milliseconds watched so far. */
  #watched = 0
  #lookedAt: number | undefined
  /** Peers alive at the last look, or gone since then for less than the grace window: when they were last alive. */
  readonly #lastAlive = new Map<PeerIdText, number>()
  /** Peers alive at the last look: since when. */
  readonly #aliveSince = new Map<PeerIdText, number>()
  readonly #come = new Set<PeerIdText>()

  constructor(init: PresenceInit) {
    this.#init = init
  }

  /** `now`: monotonic ms. */
  look(alive: Iterable<PeerIdText>, now: number): PresenceNews {
    this.#watched += Math.min(now - (this.#lookedAt ?? now), this.#init.longestStep)
    this.#lookedAt = now
    const living = new Set(alive)
    for (const peer of living) {
      this.#lastAlive.set(peer, this.#watched)
      if (!this.#aliveSince.has(peer)) this.#aliveSince.set(peer, this.#watched)
    }
    return { gone: this.#newlyGone(living), come: this.#newlyCome(living) }
  }

  /** A peer that was never alive is missed from the first look on. */
  isGone(peer: PeerIdText): boolean {
    return this.#watched - (this.#lastAlive.get(peer) ?? 0) >= this.#init.grace
  }

  #newlyGone(living: ReadonlySet<PeerIdText>): PeerIdText[] {
    for (const peer of this.#aliveSince.keys()) if (!living.has(peer)) this.#aliveSince.delete(peer)
    const gone = [...this.#lastAlive.keys()].filter((peer) => this.isGone(peer))
    for (const peer of gone) {
      this.#lastAlive.delete(peer)
      this.#come.delete(peer)
    }
    return gone
  }

  #newlyCome(living: ReadonlySet<PeerIdText>): PeerIdText[] {
    const come = [...living].filter((peer) => {
      const since = this.#aliveSince.get(peer) ?? this.#watched
      return !this.#come.has(peer) && this.#watched - since >= this.#init.grace
    })
    for (const peer of come) this.#come.add(peer)
    return come
  }
}
