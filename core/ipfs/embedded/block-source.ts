/** Where the parts of the embedded node get blocks that are not here. */
import type { CID } from 'multiformats/cid'

export interface BlockSource {
  /** For one DAG: what is learnt about who has one block serves for the next ones. */
  session(origins: readonly string[]): BlockSession
}

export interface BlockSession extends Disposable {
  /**
   * Waits for the block as long as the signal lets it. `from` names who sent it. Rejects with `BlockNotHereError` when
   * nobody can be asked.
   */
  fetch(cid: CID, signal: AbortSignal): Promise<{ bytes: Uint8Array; from: string }>
  /** What came of looking for blocks so far, for an error: who was asked and could not be reached. */
  outcome(): string
}
