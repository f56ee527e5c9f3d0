/** The objects of the API as they come (`spec/rest-api.md §7`). Peers of other versions may leave keys out or add some. */

export interface IdObject {
  id: string
  addresses: string[] | null
  cluster_peers: string[] | null
  cluster_peers_addresses: string[] | null
  version: string
  commit: string
  rpc_protocol_version: string
  error: string
  ipfs: { id?: string; addresses: string[] | null; error: string }
  peername: string
}

export interface ConnectGraphObject {
  cluster_id: string
  id_to_peername: Record<string, string> | null
  ipfs_links: Record<string, string[] | null> | null
  cluster_links: Record<string, string[]> | null
  cluster_trust_links: Record<string, boolean> | null
  cluster_to_ipfs: Record<string, string> | null
}

export interface MetricObject {
  name: string
  peer: string
  value: string
  /** Nanoseconds since the Unix epoch. */
  expire: number | bigint
  valid: boolean
  weight: number | bigint
  partitionable: boolean
  /** Nanoseconds since the Unix epoch. */
  received_at: number | bigint
}

export interface AlertObject extends MetricObject {
  triggered_at: string
}

/** By libp2p protocol; the empty one is what belongs to none. Bytes, and bytes a second. */
export type BandwidthObject = Record<
  string,
  { total_in: number; total_out: number; rate_in: number; rate_out: number }
>

export interface TokenObject {
  token: string
}

export interface VersionObject {
  version: string
}

export interface PinObject {
  replication_factor_min: number
  replication_factor_max: number
  name: string
  mode: 'recursive' | 'direct'
  shard_size: number | bigint
  user_allocations: string[] | null
  expire_at: string
  metadata: Record<string, string> | null
  pin_update: string | null
  origins: string[] | null
  cid: string
  type: 'pin' | 'meta-pin' | 'clusterdag-pin' | 'shard-pin' | 'bad-type'
  allocations: string[] | null
  max_depth: number
  reference: string | null
  timestamp: string
}

export interface PeerPinObject {
  peername: string
  ipfs_peer_id?: string
  ipfs_peer_addresses?: string[]
  status: string
  timestamp: string
  error: string
  attempt_count: number
  priority_pin: boolean
}

export interface GlobalPinObject {
  cid: string
  name: string
  allocations: string[] | null
  origins: string[] | null
  created: string
  metadata: Record<string, string> | null
  peer_map: Record<string, PeerPinObject> | null
}

export interface AddedObject {
  name: string
  /** `null` on lines that only tell the progress. */
  cid: string | null
  bytes?: number
  size?: number
  allocations?: string[]
  /** What was added all the same, and is not as it should be: blocks that a CAR lacks. */
  warnings?: string[]
}

export interface RepoGcObject {
  peer_map: Record<
    string,
    {
      peer: string
      peername: string
      keys: { key?: string | null; error?: string }[] | null
      error?: string
    }
  >
}
