/**
 * What the APIs (REST now; proxy and pinning service later) need of a peer. `core/peer.ts` implements it; the API modules
 * know only this.
 */
import type { CID } from 'multiformats/cid'
import type { AddedOutput, AddParameters, UploadPart } from '../adder/add.ts'
import type { Alert } from '../monitor/failure-detector.ts'
import type { Metric } from '../monitor/metric.ts'
import type { PeerIdText, Pin, PinOptions, PinType } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerIdentity } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'

export interface CallOptions {
  signal?: AbortSignal
}

export interface PeerService {
  /** The version told to those who ask over HTTP or RPC: the original's, `1.1.6`. */
  readonly version: string
  identity(options?: CallOptions): Promise<PeerIdentity>
  /** This peer and the others it knows, each about itself. */
  peers(options?: CallOptions): AsyncIterable<PeerIdentity>
  /** Who that peer is, which has to answer; with a CRDT that is all there is to adding it. */
  addPeer(peer: PeerIdText, options?: CallOptions): Promise<PeerIdentity>
  /** Gives its pins to others, and gives it none. Rejects with `UnknownPeerError` when nobody knows it, with `PinsStayError`. */
  removePeer(peer: PeerIdText): Promise<void>

  connectGraph(options?: CallOptions): Promise<ConnectGraph>
  /** Metrics that ran out, the newest first. */
  alerts(): Alert[]
  /** What went over the network, by libp2p protocol. */
  bandwidth(): ReadonlyMap<string, Bandwidth>
  metricNames(): string[]
  /** The newest valid metric of each member, by peer ID. */
  metrics(name: string): Metric[]

  /** Pins a CID. Rejects with `InvalidPinError`, `PinNotFoundError` (for `pinUpdate`), `FollowerError`, … */
  pin(cid: CID, options: PinOptions): Promise<Pin>
  /** Resolves `/ipfs/…`, `/ipns/…`, `/ipld/…` and pins what is there. */
  pinPath(path: string, options: PinOptions, call?: CallOptions): Promise<Pin>
  /** Returns the pin as it was. Rejects with `PinNotFoundError`. */
  unpin(cid: CID, call?: CallOptions): Promise<Pin>
  unpinPath(path: string, call?: CallOptions): Promise<Pin>

  /** What would be stored, and where, without storing it. */
  planPin(cid: CID, options: PinOptions): Promise<Pin>
  /** As `planPin`, of what is at a path. */
  planPinPath(path: string, options: PinOptions, call?: CallOptions): Promise<Pin>

  /** Rejects with `PinNotFoundError`. */
  allocation(cid: CID): Promise<Pin>
  allocations(types: PinType[] | undefined, options?: CallOptions): AsyncIterable<Pin>

  status(cid: CID, options: CallOptions & { local: boolean }): Promise<GlobalPinInfo>
  statusAll(filter: StatusFilter, options: CallOptions & { local: boolean }): AsyncIterable<GlobalPinInfo>
  recover(cid: CID, options: CallOptions & { local: boolean }): Promise<GlobalPinInfo>
  /** Only what was queued again. */
  recoverAll(options: CallOptions & { local: boolean }): AsyncIterable<GlobalPinInfo>

  add(
    parts: AsyncIterable<UploadPart>,
    parameters: AddParameters,
    options?: CallOptions,
  ): AsyncIterable<AddedOutput>
  repoGc(options: CallOptions & { local: boolean }): Promise<RepoGcReport>
}

/** Who is connected to whom, as far as it could be found out (`spec/rest-api.md` §9). */
export interface ConnectGraph {
  /** The peer that was asked. */
  clusterId: PeerIdText
  peerNames: Map<PeerIdText, string>
  /** IPFS peers that the IPFS nodes of members are connected to. */
  ipfsLinks: Map<string, string[]>
  clusterLinks: Map<PeerIdText, PeerIdText[]>
  /** Whom the peer that was asked trusts. */
  trust: Map<PeerIdText, boolean>
  /** The IPFS node of each member, where it answers. */
  ipfsIds: Map<PeerIdText, string>
}

export interface Bandwidth {
  /** Bytes since the start. */
  totalIn: number
  totalOut: number
  /** Bytes a second. */
  rateIn: number
  rateOut: number
}

/** Keys removed from the IPFS node of each peer. */
export type RepoGcReport = Map<
  PeerIdText,
  { peerName: string; keys: { cid?: CID; error?: string }[]; error?: string }
>
