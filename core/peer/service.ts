/** What the APIs ask of a peer (`core/api/peer-service.ts`), answered by its parts and by the other members. */
import type { CID } from 'multiformats/cid'
import type { AddedOutput, AddParameters, UploadPart } from '../adder/add.ts'
import type { Adder } from '../adder/adder.ts'
import type { Bandwidth, CallOptions, ConnectGraph, PeerService, RepoGcReport } from '../api/peer-service.ts'
import { messageOf } from '../error-text.ts'
import type { Alert } from '../monitor/failure-detector.ts'
import type { Metric } from '../monitor/metric.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import { rpc } from '../network/rpc/methods.ts'
import { PinNotFoundError } from '../pin/errors.ts'
import type { PeerIdText, Pin, PinOptions, PinType } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerIdentity } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Runtime } from '../runtime/ports.ts'
import type { Store } from '../runtime/store.ts'
import type { Alerts } from './alerts.ts'
import type { ClusterReports } from './cluster-reports.ts'
import { connectGraph } from './connect-graph.ts'
import { collectGarbage } from './garbage.ts'
import type { IpfsView } from './ipfs-watch.ts'
import type { Members } from './members.ts'
import type { Membership } from './membership.ts'
import type { PeerCalls } from './peer-calls.ts'
import type { Pinning } from './pinning.ts'
import type { Removal } from './removal.ts'
import type { Reports } from './reports.ts'

/** The version whose protocols and APIs this peer speaks; clients of the original look at it. */
export const protocolVersion = '1.1.6'

type Scope = CallOptions & { local: boolean }
type GcRows = RepoGcReport extends Map<string, infer Rows> ? Rows : never

/** Pins read at a time. */
const pageSize = 500

export interface ServiceInit {
  self: PeerIdText
  peerName: string
  /** Own multiaddrs, each ending in `/p2p/<id>`. */
  addresses: () => string[]
  ipfs: Ipfs
  ipfsView: () => IpfsView
  store: Store
  membership: Membership
  pinning: Pinning
  reports: Reports
  cluster: ClusterReports
  members: Members
  removal: Pick<Removal, 'remove' | 'readmit'>
  window: MetricWindow
  alerts: Alerts
  isTrusted: (peer: PeerIdText) => boolean
  bandwidth: () => ReadonlyMap<string, Bandwidth>
  calls: PeerCalls
  adder: Adder
  /** Addresses of the other members, as far as known. */
  otherAddresses: () => string[]
  /** A follower speaks for itself only. */
  isFollower: boolean
  runtime: Runtime
}

export class Service implements PeerService {
  readonly version = protocolVersion
  readonly #init: ServiceInit

  constructor(init: ServiceInit) {
    this.#init = init
  }

  async identity(): Promise<PeerIdentity> {
    const { self, peerName, addresses, otherAddresses, ipfsView, membership } = this.#init
    const { identity, error } = ipfsView()
    return {
      id: self,
      addresses: addresses(),
      clusterPeers: membership.members(),
      clusterPeersAddresses: otherAddresses(),
      version: protocolVersion,
      commit: '',
      rpcProtocolVersion: '/ipfscluster/1.0/rpc',
      error: '',
      ipfs: { id: identity?.id ?? '', addresses: identity?.addresses ?? [], error },
      peerName,
    }
  }

  peers({ signal }: CallOptions = {}): AsyncIterable<PeerIdentity> {
    return this.#init.members.identities(signal)
  }

  async addPeer(peer: PeerIdText, { signal }: CallOptions = {}): Promise<PeerIdentity> {
    await this.#init.removal.readmit(peer)
    return this.#init.members.add(peer, signal)
  }

  removePeer(peer: PeerIdText): Promise<void> {
    return this.#init.removal.remove(peer)
  }

  connectGraph({ signal }: CallOptions = {}): Promise<ConnectGraph> {
    return connectGraph(this.#init, signal)
  }

  alerts(): Alert[] {
    return this.#init.alerts.newestFirst()
  }

  bandwidth(): ReadonlyMap<string, Bandwidth> {
    return this.#init.bandwidth()
  }

  metricNames(): string[] {
    return this.#init.window.names()
  }

  metrics(name: string): Metric[] {
    return this.#init.membership.metrics(name)
  }

  pin(cid: CID, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.pin(cid, options)
  }

  pinPath(path: string, options: PinOptions, call: CallOptions = {}): Promise<Pin> {
    return this.#init.pinning.pinPath(path, options, call.signal)
  }

  unpin(cid: CID, call: CallOptions = {}): Promise<Pin> {
    return this.#init.pinning.unpin(cid, call.signal)
  }

  unpinPath(path: string, call: CallOptions = {}): Promise<Pin> {
    return this.#init.pinning.unpinPath(path, call.signal)
  }

  async planPin(cid: CID, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.plan(cid, options)
  }

  planPinPath(path: string, options: PinOptions, call: CallOptions = {}): Promise<Pin> {
    return this.#init.pinning.planPath(path, options, call.signal)
  }

  async allocation(cid: CID): Promise<Pin> {
    const pin = this.#init.store.pin(cid)
    if (pin === undefined) throw new PinNotFoundError()
    return pin
  }

  async *allocations(types: PinType[] | undefined, { signal }: CallOptions = {}): AsyncGenerator<Pin> {
    let after: string | undefined
    do {
      signal?.throwIfAborted()
      const query = { limit: pageSize, ...(types && { types }), ...(after !== undefined && { after }) }
      const page = this.#init.store.pins(query)
      yield* page.rows
      after = page.next
    } while (after !== undefined)
  }

  async status(cid: CID, { local, signal }: Scope): Promise<GlobalPinInfo> {
    const { reports, cluster } = this.#init
    return this.#isLocal(local) ? reports.status(cid) : cluster.status(cid, signal)
  }

  async *statusAll(filter: StatusFilter, { local, signal }: Scope): AsyncGenerator<GlobalPinInfo> {
    const { reports, cluster } = this.#init
    yield* this.#isLocal(local) ? reports.statusAll(filter, signal) : cluster.statusAll(filter, signal)
  }

  recover(cid: CID, { local, signal }: Scope): Promise<GlobalPinInfo> {
    const { reports, cluster } = this.#init
    return this.#isLocal(local) ? reports.recover(cid) : cluster.recover(cid, signal)
  }

  recoverAll({ local, signal }: Scope): AsyncIterable<GlobalPinInfo> {
    const { reports, cluster } = this.#init
    return this.#isLocal(local) ? reports.recoverAll(signal) : cluster.recoverAll(signal)
  }

  /** Alone in the cluster there is nobody to ask. */
  #isLocal(local: boolean): boolean {
    return local || this.#init.isFollower || this.#init.members.others().length === 0
  }

  add(
    parts: AsyncIterable<UploadPart>,
    parameters: AddParameters,
    options?: CallOptions,
  ): AsyncIterable<AddedOutput> {
    return this.#init.adder.add(parts, parameters, options)
  }

  /** One peer after the other, so that not all of them are slow at once. */
  async repoGc({ local, signal }: Scope): Promise<RepoGcReport> {
    const { self, members } = this.#init
    const report: RepoGcReport = new Map([[self, await this.#ownGc(signal)]])
    if (this.#isLocal(local)) return report
    for (const peer of members.others()) report.set(peer, await this.#remoteGc(peer, signal))
    return report
  }

  async #ownGc(signal?: AbortSignal): Promise<GcRows> {
    const { peerName, ipfs } = this.#init
    return { peerName, ...(await collectGarbage(ipfs, signal)) }
  }

  async #remoteGc(peer: PeerIdText, signal?: AbortSignal): Promise<GcRows> {
    const { calls, members } = this.#init
    const { peerName } = members.namesOf(peer)
    try {
      const answer = await calls.call(peer, rpc.repoGcLocal, {}, signal && { signal })
      const keys = (answer.k ?? []).map(({ k, e }) => ({ ...(k && { cid: k }), ...(e && { error: e }) }))
      return { peerName: answer.pn ?? peerName, keys, ...(answer.e && { error: answer.e }) }
    } catch (error) {
      return { peerName, keys: [], error: messageOf(error) }
    }
  }
}
