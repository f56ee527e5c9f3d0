/** The methods that cross peers in CRDT mode (`spec/wire.md` §7), and our own. All others are closed, so not declared. */
import type { RpcPolicy, StreamMethod, UnaryMethod } from './method.ts'
import { type Codec, int, list, struct } from './schema.ts'
import { pagesProtocol, statusPageWire, statusQueryWire } from './status-pages.ts'
import {
  cid,
  idWire,
  nodeWithMetaWire,
  peer,
  pinInfoWire,
  pinWire,
  repoGcWire,
  repoStatWire,
  versionWire,
} from './wire-types.ts'

/** No argument, or no reply: `{}`. */
export const nothing = struct({})

function unary<A, R>(
  name: string,
  policy: RpcPolicy,
  argument: Codec<A>,
  reply: Codec<R>,
): UnaryMethod<A, R> {
  return { kind: 'unary', name, policy, argument, reply }
}

function stream<A, R>(
  name: string,
  policy: RpcPolicy,
  argument: Codec<A>,
  reply: Codec<R>,
): StreamMethod<A, R> {
  return { kind: 'stream', name, policy, argument, reply }
}

export const rpc = {
  id: unary('Cluster.ID', 'open', nothing, idWire),
  idStream: stream('Cluster.IDStream', 'open', nothing, idWire),
  version: unary('Cluster.Version', 'open', nothing, versionWire),
  peerAdd: unary('Cluster.PeerAdd', 'open', peer, idWire),
  peerRemove: unary('Cluster.PeerRemove', 'trusted', peer, nothing),
  peers: stream('Cluster.Peers', 'trusted', nothing, idWire),
  recoverAllLocal: stream('Cluster.RecoverAllLocal', 'trusted', nothing, pinInfoWire),
  recoverLocal: unary('Cluster.RecoverLocal', 'trusted', cid, pinInfoWire),
  repoGcLocal: unary('Cluster.RepoGCLocal', 'trusted', nothing, repoGcWire),
  status: unary('PinTracker.Status', 'trusted', cid, pinInfoWire),
  /** Only the first value, the filter, counts. */
  statusAll: stream('PinTracker.StatusAll', 'trusted', int, pinInfoWire),
  recover: unary('PinTracker.Recover', 'trusted', cid, pinInfoWire),
  blockStream: stream('IPFSConnector.BlockStream', 'trusted', nodeWithMetaWire, nothing),
  repoStat: unary('IPFSConnector.RepoStat', 'trusted', nothing, repoStatWire),
  swarmPeers: unary('IPFSConnector.SwarmPeers', 'trusted', nothing, list(peer)),
  addPeer: unary('Consensus.AddPeer', 'trusted', peer, nothing),
  rmPeer: unary('Consensus.RmPeer', 'trusted', peer, nothing),
  logPin: unary('Consensus.LogPin', 'trusted', pinWire, nothing),
  logUnpin: unary('Consensus.LogUnpin', 'trusted', pinWire, nothing),
  /** Of our own: peers of the original do not speak its protocol. */
  statusPage: {
    ...unary('PinTracker.StatusPage', 'trusted', statusQueryWire, statusPageWire),
    protocol: pagesProtocol,
  },
} as const
