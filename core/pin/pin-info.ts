/** What peers report about a pin: one row per peer, merged under the CID (`spec/rest-api.md` §7.3). */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, UnixNano } from './pin.ts'
import type { PinStatus } from './status.ts'

/** The state of a pin on one peer. */
export interface PeerPinInfo {
  peerName: string
  ipfsPeerId: string
  ipfsPeerAddresses: string[]
  status: PinStatus
  /** Since when. */
  timestamp: UnixNano
  error: string
  attemptCount: number
  priorityPin: boolean
  /** What has arrived so far of a pin that runs; known of this peer only. */
  progress?: { blocks: number; bytes?: number }
}

export interface GlobalPinInfo {
  cid: CID
  name: string
  allocations: PeerIdText[]
  /** Absent when the CID is not in the pinset. */
  origins?: string[]
  created: UnixNano
  metadata?: Record<string, string>
  peerMap: Map<PeerIdText, PeerPinInfo>
}

/** A peer about itself (`spec/rest-api.md` §7.1). */
export interface PeerIdentity {
  id: PeerIdText
  addresses: string[]
  clusterPeers: PeerIdText[]
  clusterPeersAddresses: string[]
  version: string
  commit: string
  rpcProtocolVersion: string
  error: string
  ipfs: { id: string; addresses: string[]; error: string }
  peerName: string
}
