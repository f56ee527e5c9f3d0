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
