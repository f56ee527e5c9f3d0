/**
 * A pin: what the cluster is to hold, and how. Times are nanoseconds since the Unix epoch, as in the original; storage
 * keeps whole seconds (`spec/behaviour.md` §1.1). `codec.ts` has the stored bytes, `json.ts` the form of the APIs.
 */
import type { CID } from 'multiformats/cid'

/** A libp2p peer ID in its base58 text form (`12D3Koo…`, `Qm…`). `peer-id.ts` converts to and from bytes. */
export type PeerIdText = string

/** Nanoseconds since the Unix epoch. */
export type UnixNano = bigint

/**
 * `data` is what users pin; the next three make up sharded content (`spec/behaviour.md` §1.11). `bad` is read from
 * stored pins of an unknown type; a request never has it.
 */
export type PinType = 'data' | 'meta' | 'cluster-dag' | 'shard' | 'bad'

export type PinMode = 'recursive' | 'direct'

export interface PinOptions {
  /** Copies wanted at least; −1 = on every peer, 0 = the peer's configured default. */
  replicationFactorMin: number
  replicationFactorMax: number
  name: string
  mode: PinMode
  /** Bytes in a shard; 0 for pins that are not sharded. */
  shardSize: bigint
  /** Peers preferred for the allocation. Never stored. */
  userAllocations: PeerIdText[]
  expireAt?: UnixNano
  /** Keys in any order; stored sorted by their bytes. */
  metadata: Record<string, string>
  /** The CID that this pin replaced. */
  pinUpdate?: CID
  /** Multiaddrs, each with `/p2p/`, of nodes that have the content. */
  origins: string[]
}

export interface Pin extends PinOptions {
  cid: CID
  type: PinType
  /** Empty when every peer is to hold it. */
  allocations: PeerIdText[]
  /** −1 recursive, 0 direct, 1 and 2 for shards. */
  maxDepth: number
  reference?: CID
  /** When the pin was logged; set by the peer that logs it. */
  timestamp?: UnixNano
}

/** True when every peer is to hold the pin. */
export function isPinEverywhere(pin: PinOptions): boolean {
  return pin.replicationFactorMin === -1 && pin.replicationFactorMax === -1
}

/** What `peer` has to do for `pin`: hold it, see it as somebody else's, or nothing because it is a meta pin. */
export function dutyOf(pin: Pin, peer: PeerIdText): 'hold' | 'remote' | 'sharded' {
  if (pin.type === 'meta') return 'sharded'
  return isPinEverywhere(pin) || pin.allocations.includes(peer) ? 'hold' : 'remote'
}
