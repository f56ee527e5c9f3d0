/**
 * The IPFS node beside a peer, as the rest of the peer sees it. Two backends implement it, `core/ipfs/kubo` (RPC)
 * and `core/ipfs/embedded` (in process), and `test/unit/ipfs/compliance.ts` is run against both; the simulator has
 * the part of it that the tracker uses.
 */
import type { CID } from 'multiformats/cid'

/**
 * How a CID is pinned on the IPFS node, or that it is not. `indirect`: only as a part of another pin; told only by backends
 * that know it without walking other pins (Kubo would walk all of them and hold its pin lock meanwhile), `unpinned` else.
 */
export type IpfsPinState = 'recursive' | 'direct' | 'indirect' | 'unpinned'

export interface IpfsIdentity {
  /** Peer ID, base58 text. */
  id: string
  /** Multiaddrs, each ending in `/p2p/<id>`. */
  addresses: string[]
  /**
   * Names what the node knows about its blocks and pins, where the node has such a name. Another one under the same `id`
   * means that this was lost or is of another time: nothing that was proven before holds.
   */
  repository?: string
}

export interface IpfsBlock {
  cid: CID
  bytes: Uint8Array
}

export interface IpfsPinOptions {
  mode: 'recursive' | 'direct'
  /** Multiaddrs of nodes that are said to have the content; connected to before pinning, at most 10. */
  origins?: string[]
  /** `pinState` has just said that it is not pinned like that: it is not asked about again. */
  isUnpinned?: boolean
  /** A CID that is perhaps pinned recursively here already and shares most blocks: `pin/update` is then cheaper. */
  updateFrom?: CID
  /** Ends the pin with an error when nothing has arrived for this long, ms. 0 = never. */
  stallTimeout: number
  signal: AbortSignal
  /** Called as blocks arrive, at most a few times a second. `bytes` only where the backend knows them. */
  onProgress?(progress: IpfsPinProgress): void
}

export interface IpfsPinProgress {
  blocks: number
  bytes?: number
}

export interface IpfsRepoStat {
  /** Bytes in use. */
  size: number
  /** Bytes the node may use. */
  max: number
}

export interface IpfsCallOptions {
  signal?: AbortSignal
}

export interface IpfsPinStateOptions extends IpfsCallOptions {
  /** Looks among recursive pins only: any other counts as `unpinned`. One question to Kubo instead of two. */
  recursiveOnly?: boolean
}

export interface IpfsPutOptions extends IpfsCallOptions {
  /**
   * The CIDs that are to be pinned next, which hold all of these blocks; asked for when the last block has come. None:
   * nobody knows.
   */
  roots?(): readonly CID[]
}

/** `in-doubt`: whether all its blocks are still here is being looked at. `incomplete`: it was found to lack a block. */
export type IpfsPinDoubt = 'in-doubt' | 'incomplete'

/**
 * What a node that keeps the blocks itself says about pins whose blocks it has found lost. When a stored block is found
 * missing or damaged, all recursive and direct pins are in doubt in the same commit that drops the block: which of them hold
 * it is not known without a walk. The node then walks through them, by what is here and without the network, and each pin is
 * whole again or incomplete. To `pinState` and `pins` an incomplete pin is `unpinned`; garbage collection still keeps what it
 * has. `pinState` of a pin in doubt walks through that one before it answers. `pin` makes an incomplete one whole.
 */
export interface IpfsPinProof {
  /** Undefined for a pin that is whole, and for what is not pinned. By a point read at most. */
  doubt(cid: CID): IpfsPinDoubt | undefined
  /** Puts one pin in doubt: all its blocks are read again and compared with their hashes. No error when not pinned. */
  suspect(cid: CID): Promise<void>
  /**
   * Calls back with each pin that is found incomplete, and first with those that were before. May tell one twice. The
   * look at pins in doubt begins with this call, and ends when what it returns is disposed of. One watcher at a time.
   */
  watch(onIncomplete: (cid: CID) => void): AsyncDisposable
}

/** A removed block, or what went wrong with one. */
export interface IpfsGcRow {
  cid?: CID
  error?: string
}

/**
 * Why a call failed. `unreachable`: the node itself did not answer, which says nothing about what was asked; `stalled`:
 * nothing arrived for `stallTimeout`; `aborted`: the caller's signal; `failed`: the node answered with an error.
 */
export type IpfsFailureReason = 'unreachable' | 'stalled' | 'aborted' | 'failed'

/** What a rejected call carries, whatever its class. */
export interface IpfsFailure extends Error {
  readonly reason: IpfsFailureReason
}

/**
 * Every call may be given a signal and rejects with an `IpfsError` (`core/ipfs/errors.ts`) that says what was asked,
 * of whom, and why it failed. None of them retries.
 */
export interface Ipfs extends AsyncDisposable {
  readonly kind: 'kubo' | 'embedded' | 'simulated'
  /** Absent where the node does not say such things (Kubo): its word about a pin is all there is. */
  readonly proof?: IpfsPinProof
  /** The node's own identity. Fails while the node is not reachable: that is the readiness test. */
  id(options?: IpfsCallOptions): Promise<IpfsIdentity>
  /** How one CID is pinned. */
  pinState(cid: CID, options?: IpfsPinStateOptions): Promise<IpfsPinState>
  /** All direct and recursive pins, in no order. */
  pins(options?: IpfsCallOptions): AsyncIterable<{ cid: CID; state: 'recursive' | 'direct' }>
  /**
   * Fetches what is missing and pins. Resolves when all is here and the pin is durable. Pinning twice is no error. A direct
   * pin becomes recursive when asked; a recursive one satisfies a direct one and stays recursive.
   */
  pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress>
  /** Removes a direct or recursive pin. A CID that is not pinned, or only indirectly, is no error. */
  unpin(cid: CID, options?: IpfsCallOptions): Promise<void>
  /**
   * Writes blocks as they come, without pinning them, in any order. Each block keeps its CID (codec and hash); one whose
   * bytes do not match it fails the call. An error of `blocks` itself is passed on as it is. The blocks are safe from
   * garbage collection while the call runs and for a while after it (`docs/limits.md`), so that a pin can follow; on
   * Kubo, which has no such guard itself, only from `gc` of the same object, and until all `roots` are pinned.
   */
  putBlocks(blocks: AsyncIterable<IpfsBlock>, options?: IpfsPutOptions): Promise<void>
  /** One block, fetched from the network when not here. */
  getBlock(cid: CID, options?: IpfsCallOptions): Promise<Uint8Array>
  repoStat(options?: IpfsCallOptions): Promise<IpfsRepoStat>
  /** Removes what no pin holds. Fails when blocks are being written and it cannot begin soon; it holds up no write before. */
  gc(options?: IpfsCallOptions): AsyncIterable<IpfsGcRow>
  /** The CID at the end of `/ipfs/…`, `/ipns/…` or `/ipld/…`. */
  resolve(path: string, options?: IpfsCallOptions): Promise<CID>
  /** Connects to another IPFS node. */
  connect(address: string, options?: IpfsCallOptions): Promise<void>
  /** Peer IDs of the connected IPFS nodes. */
  swarmPeers(options?: IpfsCallOptions): Promise<string[]>
}
