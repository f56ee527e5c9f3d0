/** How long something that failed is left alone: doubling from a base to a cap, spread so that failures do not meet again. */
import type { Random } from '../runtime/ports.ts'

export interface Backoff {
  /** Milliseconds after the first failure. */
  base: number
  /** What each further failure multiplies the wait by. */
  factor: number
  /** Milliseconds that the wait, before the spread, never exceeds. */
  cap: number
  /** Part of the wait by which it may be shorter or longer: 0.2 = ±20 %. */
  spread: number
}

/** For one item: 15 s, 30 s, 1 min, … 1 h. */
export const itemBackoff: Backoff = { base: 15_000, factor: 2, cap: 3_600_000, spread: 0.2 }

/** For the whole IPFS node, while it does not answer: 1 s, 2 s, … 1 min. */
export const nodeBackoff: Backoff = { base: 1_000, factor: 2, cap: 60_000, spread: 0.2 }

/** Milliseconds to wait after `failures` failures in a row (at least 1), whole. */
export function backoffDelay(backoff: Backoff, failures: number, random: Random): number {
  const wait = Math.min(backoff.cap, backoff.base * backoff.factor ** (Math.max(1, failures) - 1))
  return Math.round(wait * (1 + backoff.spread * (2 * random.float() - 1)))
}
