/**
 * Whom this peer believes: whose heads it follows and who may call its trusted methods (`spec/wire.md` §2.3,
 * `spec/behaviour.md` §7.1). Trust is each peer's own and is not passed on.
 */
import type { PeerIdText } from '../pin/pin.ts'

/** In place of a peer ID: every peer that holds the secret. */
const everybody = '*'

export class TrustedPeers {
  readonly #self: PeerIdText
  readonly #listed: Set<PeerIdText>

  /** `listed` is `trusted_peers` of the configuration; with `*` anywhere in it all are trusted. */
  constructor(self: PeerIdText, listed: readonly string[]) {
    this.#self = self
    this.#listed = new Set(listed)
  }

  has(peer: PeerIdText): boolean {
    return peer === this.#self || this.#listed.has(everybody) || this.#listed.has(peer)
  }

  /** For peers that this one is bootstrapped to. */
  add(peer: PeerIdText): void {
    this.#listed.add(peer)
  }

  /** Those named one by one. */
  named(): PeerIdText[] {
    return [...this.#listed].filter((peer) => peer !== everybody)
  }
}
