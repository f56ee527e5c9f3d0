/** The port by which replication gets many blocks at once (`sync/protocol.ts`). */
import type { CID } from 'multiformats/cid'
import type { PeerIdText } from '../pin/pin.ts'
import type { DagBlock } from '../runtime/store.ts'

/** Where whole histories come from: peers that send what is missing below their heads in one go. */
export interface History {
  /** True of peers that may be asked now. */
  speaks(peer: PeerIdText): boolean
  /** Calls back with each trusted peer of this cluster that becomes connected and speaks it. Returns the function that ends it. */
  onPeer(listener: (peer: PeerIdText) => void): () => void
  /**
   * What `peer` has below `heads`, which it announced, or below all its heads when none is given, and the store lacks;
   * parents before children. Rejects when the peer cannot give it, or with the signal's reason; what came before stays
   * good. Leaving the loop early ends it.
   */
  fetch(peer: PeerIdText, heads: readonly CID[], signal: AbortSignal): AsyncIterable<HistoryPart>
}

export interface HistoryPart {
  /** The bytes are those of the CIDs. */
  blocks: DagBlock[]
  /** Blocks that are still to come, as far as known. */
  left: number
}
