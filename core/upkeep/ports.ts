/** What the unasked work of a peer needs of the rest of it. */
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { Store } from '../runtime/store.ts'

export type UpkeepStore = Pick<Store, 'write' | 'pins' | 'expired' | 'orphans' | 'lastSequence'>

/** The peers of the cluster as this one sees them. */
export interface UpkeepMembers {
  /** Those alive, this peer among them. */
  members(): PeerIdText[]
  /** Whether `members` has it at this moment. */
  isAlive(peer: PeerIdText): boolean
  /** Whose changes count here; the work is shared among those. */
  isTrusted(peer: PeerIdText): boolean
  /** Taken out of the cluster by an operator, alive or not. */
  isRemoved(peer: PeerIdText): boolean
  /**
   * The peers that are to hold `pin` from now on: its holders but for those that are gone, and as many more as it may
   * have. Throws an error of the name `NotEnoughPeersError`.
   */
  reallocate(pin: Pin, isGone: (peer: PeerIdText) => boolean): PeerIdText[]
  /** Told of copies that were given out. */
  gave(peers: readonly PeerIdText[]): void
}

export interface UpkeepSettings {
  /** A follower does nothing of it. */
  isFollower: boolean
  /** Pins of peers that are gone are given to others, and missing copies to peers that come. */
  repinning: boolean
  /** Milliseconds without a sign of life after which a peer is gone. */
  grace: number
  /** Pins that this peer re-allocates in a second at most. */
  rate: number
  /** Milliseconds after which the next responsible peer re-allocates what the one before has not. */
  takeover: number
  /** Milliseconds after which the next responsible peer unpins what has expired. */
  expiryTakeover: number
  /** Milliseconds between two looks at all pins for missing copies, at least. */
  checkInterval: number
}

export const defaultUpkeepSettings: UpkeepSettings = {
  isFollower: false,
  repinning: false,
  grace: 5 * 60_000,
  rate: 100,
  takeover: 60_000,
  expiryTakeover: 10_000,
  checkInterval: 5 * 60_000,
}
