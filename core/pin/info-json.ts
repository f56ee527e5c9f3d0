/** Statuses and identities as JSON (`spec/rest-api.md` §7.1, §7.3); write them with `goJson`. */
import type { GoJson } from './go-json.ts'
import type { GlobalPinInfo, PeerIdentity, PeerPinInfo } from './pin-info.ts'
import { formatTime } from './time.ts'

export type InfoJson = { readonly [key: string]: GoJson | undefined }

/** Without origins the CID is not in the pinset: its lists are then null. */
export function globalPinInfoToJson(info: GlobalPinInfo): InfoJson {
  const isPinned = info.origins !== undefined
  const metadata = new Map(Object.entries(info.metadata ?? {}))
  return {
    cid: info.cid.toString(),
    name: info.name,
    allocations: isPinned || info.allocations.length > 0 ? info.allocations : null,
    origins: info.origins ?? null,
    created: formatTime(info.created),
    metadata: metadata.size > 0 ? metadata : null,
    peer_map: new Map([...info.peerMap].map(([peer, pinInfo]) => [peer, peerPinInfoToJson(pinInfo)])),
  }
}

function peerPinInfoToJson(info: PeerPinInfo): InfoJson {
  return {
    peername: info.peerName,
    ipfs_peer_id: info.ipfsPeerId === '' ? undefined : info.ipfsPeerId,
    ipfs_peer_addresses: info.ipfsPeerAddresses.length > 0 ? info.ipfsPeerAddresses : undefined,
    status: info.status,
    timestamp: formatTime(info.timestamp),
    error: info.error,
    attempt_count: info.attemptCount,
    priority_pin: info.priorityPin,
  }
}

/** A peer that did not answer has nothing but `id` and `error`: its lists are null. */
export function peerIdentityToJson(identity: PeerIdentity): InfoJson {
  const list = (texts: string[], error: string): GoJson => (texts.length === 0 && error !== '' ? null : texts)
  const { ipfs, error } = identity
  return {
    id: identity.id,
    addresses: list(identity.addresses, error),
    cluster_peers: list(identity.clusterPeers, error),
    cluster_peers_addresses: list(identity.clusterPeersAddresses, error),
    version: identity.version,
    commit: identity.commit,
    rpc_protocol_version: identity.rpcProtocolVersion,
    error,
    ipfs: {
      id: ipfs.id === '' ? undefined : ipfs.id,
      addresses: list(ipfs.addresses, error === '' ? ipfs.error : error),
      error: ipfs.error,
    },
    peername: identity.peerName,
  }
}
