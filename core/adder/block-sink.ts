/** Where the blocks of an add go: to the IPFS node beside this peer, or to another peer that has one. */
import type { CID } from 'multiformats/cid'
import type { IpfsBlock } from '../runtime/ipfs.ts'

export interface BlockSink {
  /**
   * Writes blocks as they come and resolves when the last is stored. A rejection ends the use of this destination only.
   * An aborted `signal` ends the call with a rejection; blocks written until then stay. `roots` says, after the last block,
   * what will be pinned; nothing where that is not known.
   */
  put(
    blocks: AsyncIterable<IpfsBlock>,
    options: { signal: AbortSignal; roots(): readonly CID[] },
  ): Promise<void>
}
