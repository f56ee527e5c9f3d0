/** How many copies a pin has, and whether it needs more. */
import type { PeerIdText, Pin } from '../pin/pin.ts'

export interface CopiesView {
  isGone(peer: PeerIdText): boolean
  isRemoved(peer: PeerIdText): boolean
  /** Living members: a pin that all of them hold cannot have more copies. */
  members: number
  /** Unix ms: what has expired by then needs nothing. */
  now: number
}

/**
 * The living copies of a pin below its min; `handOver` of one with enough that a removed peer is to hold too; `topUp` of one
 * between min and max; undefined when it has what it needs.
 */
export type Need = number | 'handOver' | 'topUp' | undefined

/** Of a pin that certain peers are to hold. */
export function needOf(pin: Pin, view: CopiesView): Need {
  if (pin.expireAt !== undefined && pin.expireAt <= BigInt(view.now) * 1_000_000n) return undefined
  const copies = pin.allocations.reduce((count, peer) => count + (view.isGone(peer) ? 0 : 1), 0)
  if (copies < pin.replicationFactorMin) return copies
  if (pin.allocations.some((peer) => view.isRemoved(peer))) return 'handOver'
  return copies < Math.min(pin.replicationFactorMax, view.members) ? 'topUp' : undefined
}
