/** Every error of the replicated pinset. Tell them apart by `name`. */

/** Bytes that are no delta. */
export class DeltaDecodeError extends Error {
  override readonly name = 'DeltaDecodeError'
}

/** A pubsub message that is no list of heads. */
export class BroadcastDecodeError extends Error {
  override readonly name = 'BroadcastDecodeError'
}

/**
 * Why a block is refused. `hash`: the bytes are not those of the CID, so another source may have the right ones. The
 * others are for ever: `size` too large, `cid` of another kind than blocks of the pinset have, `content` unreadable.
 */
export type BlockFault = 'hash' | 'size' | 'cid' | 'content'

/** A block that is not one of a replicated pinset. */
export class CrdtBlockError extends Error {
  override readonly name = 'CrdtBlockError'
  readonly fault: BlockFault

  constructor(fault: BlockFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}
