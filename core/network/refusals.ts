/**
 * What other peers sent and was not taken: counted by kind, told once for each peer and kind, so that a peer that sends
 * nothing but rubbish does not fill the log.
 */
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger } from '../runtime/ports.ts'

export type RefusalKind =
  | 'heads of an untrusted peer'
  | 'broken heads'
  | 'broken metric'
  | 'unreadable connection'
  | 'broken connection'
  | 'broken stream'
  | 'broken pubsub message'
  | 'peer of another cluster'

/** Pairs of peer and kind that are remembered; beyond, they are told again. */
const maxTold = 10_000

export class Refusals {
  readonly #logger: Logger
  readonly #counts = new Map<RefusalKind, number>()
  readonly #told = new Set<string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `from`: a peer ID, or an address where the peer is not known. */
  note(kind: RefusalKind, from: PeerIdText, reason: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    const key = `${kind} ${from}`
    if (this.#told.has(key)) return
    if (this.#told.size >= maxTold) this.#told.clear()
    this.#told.add(key)
    this.#logger.warn(`refused: ${kind}; further ones of this peer are only counted`, { peer: from, reason })
  }

  /** How many of each kind since the start. */
  counts(): ReadonlyMap<RefusalKind, number> {
    return this.#counts
  }
}
