/** What the APIs ask of a peer (`core/api/peer-service.ts`), answered by its parts. */
import type { CID } from 'multiformats/cid'
import type { AddedOutput, AddParameters, UploadPart } from '../adder/add.ts'
import type { Adder } from '../adder/adder.ts'
import type { CallOptions, PeerService, RepoGcReport } from '../api/peer-service.ts'
import { PinNotFoundError } from '../pin/errors.ts'
import type { PeerIdText, Pin, PinOptions, PinType } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerIdentity } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Store } from '../runtime/store.ts'
import type { IpfsView } from './ipfs-watch.ts'
import type { Membership } from './membership.ts'
import type { Pinning } from './pinning.ts'
import type { Reports } from './reports.ts'

/** The version whose protocols and APIs this peer speaks; clients of the original look at it. */
export const protocolVersion = '1.1.6'

/** Pins read at a time. */
const pageSize = 500

export interface LocalServiceInit {
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
  adder: Adder
}

export class LocalService implements PeerService {
  readonly version = protocolVersion
  readonly #init: LocalServiceInit

  constructor(init: LocalServiceInit) {
    this.#init = init
  }

  async identity(): Promise<PeerIdentity> {
    const { self, peerName, addresses, ipfsView, membership } = this.#init
    const { identity, error } = ipfsView()
    return {
      id: self,
      addresses: addresses(),
      clusterPeers: membership.members(),
      clusterPeersAddresses: [],
      version: protocolVersion,
      commit: '',
      rpcProtocolVersion: '/ipfscluster/1.0/rpc',
      error: '',
      ipfs: { id: identity?.id ?? '', addresses: identity?.addresses ?? [], error },
      peerName,
    }
  }

  async *peers(): AsyncGenerator<PeerIdentity> {
    yield await this.identity()
  }

  pin(cid: CID, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.pin(cid, options)
  }

  pinPath(path: string, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.pinPath(path, options)
  }

  unpin(cid: CID): Promise<Pin> {
    return this.#init.pinning.unpin(cid)
  }

  unpinPath(path: string): Promise<Pin> {
    return this.#init.pinning.unpinPath(path)
  }

  async planPin(cid: CID, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.plan(cid, options)
  }

  planPinPath(path: string, options: PinOptions): Promise<Pin> {
    return this.#init.pinning.planPath(path, options)
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

  async status(cid: CID): Promise<GlobalPinInfo> {
    return this.#init.reports.status(cid)
  }

  async *statusAll(filter: StatusFilter, { signal }: CallOptions): AsyncGenerator<GlobalPinInfo> {
    yield* this.#init.reports.statusAll(filter, signal)
  }

  recover(cid: CID): Promise<GlobalPinInfo> {
    return this.#init.reports.recover(cid)
  }

  recoverAll({ signal }: CallOptions): AsyncIterable<GlobalPinInfo> {
    return this.#init.reports.recoverAll(signal)
  }

  add(
    parts: AsyncIterable<UploadPart>,
    parameters: AddParameters,
    options?: CallOptions,
  ): AsyncIterable<AddedOutput> {
    return this.#init.adder.add(parts, parameters, options)
  }

  async repoGc({ signal }: CallOptions): Promise<RepoGcReport> {
    const { self, peerName, ipfs } = this.#init
    const keys: { cid?: CID; error?: string }[] = []
    let failure = ''
    try {
      for await (const row of ipfs.gc(signal === undefined ? {} : { signal })) keys.push(row)
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
    }
    return new Map([[self, { peerName, keys, ...(failure === '' ? {} : { error: failure }) }]])
  }
}
