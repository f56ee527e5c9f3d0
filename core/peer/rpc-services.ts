/** What other peers may ask of this one (`spec/wire.md` §7, §8), answered from its own parts. */
import type { CID } from 'multiformats/cid'
import { identityToWire, pinFromWire, pinInfoToWire } from '../network/rpc/conversion.ts'
import type { StreamHandler, StreamMethod, UnaryHandler, UnaryMethod } from '../network/rpc/method.ts'
import { rpc } from '../network/rpc/methods.ts'
import { MsgpackError } from '../network/rpc/msgpack.ts'
import type { AnyHandler } from '../network/rpc/server.ts'
import { type StatusPageWire, statusPageSize, statusPageToWire } from '../network/rpc/status-pages.ts'
import type { PinInfoWire } from '../network/rpc/wire-types.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerIdentity } from '../pin/pin-info.ts'
import type { Ipfs, IpfsBlock } from '../runtime/ipfs.ts'
import type { PinsetChange, Store } from '../runtime/store.ts'
import { FollowerError } from './errors.ts'
import { collectGarbage } from './garbage.ts'
import type { Members } from './members.ts'
import type { Removal } from './removal.ts'
import type { Reports } from './reports.ts'
import { protocolVersion } from './service.ts'

/** Rows of a page, and bytes of them unless one row has more. */
const pageRows = 500
const pageBytes = 256 * 1024

export interface RpcServicesInit {
  self: PeerIdText
  peerName: string
  identity: () => Promise<PeerIdentity>
  members: Members
  removal: Pick<Removal, 'remove' | 'heard'>
  reports: Reports
  ipfs: Ipfs
  store: Pick<Store, 'write'>
  isFollower: boolean
}

export function rpcServices(init: RpcServicesInit): AnyHandler[] {
  return [
    ...clusterServices(init),
    ...trackerServices(init),
    ...ipfsServices(init),
    ...consensusServices(init),
  ]
}

function clusterServices(init: RpcServicesInit): AnyHandler[] {
  const { identity, members, reports, removal } = init
  return [
    unary(rpc.id, async () => identityToWire(await identity())),
    stream(rpc.idStream, async function* () {
      yield identityToWire(await identity())
    }),
    unary(rpc.version, async () => ({ v: protocolVersion })),
    // The peer that wants to join must be able to answer; that is all that joining means with a CRDT.
    unary(rpc.peerAdd, async (peer, { signal }) =>
      identityToWire(await members.add(required(peer, 'a peer ID'), signal)),
    ),
    unary(rpc.peerRemove, async (peer) => {
      await removal.remove(required(peer, 'a peer ID'))
      return {}
    }),
    stream(rpc.peers, async function* (_, { signal }) {
      for await (const each of members.identities(signal)) yield identityToWire(each)
    }),
    stream(rpc.recoverAllLocal, async function* (_, { signal }) {
      for await (const info of reports.recoverAll(signal)) yield rowOf(reports, info)
    }),
    unary(rpc.recoverLocal, async (cid) => rowOf(reports, await reports.recover(required(cid, 'a CID')))),
    unary(rpc.repoGcLocal, (_, { signal }) => garbageReport(init, signal)),
  ]
}

function trackerServices({ reports }: RpcServicesInit): AnyHandler[] {
  return [
    unary(rpc.status, async (cid) => rowOf(reports, await reports.status(required(cid, 'a CID')))),
    stream(rpc.statusAll, async function* (filters, { signal }) {
      for (const info of reports.statusAll((await first(filters)) ?? 0, signal)) yield rowOf(reports, info)
    }),
    unary(rpc.recover, async (cid) => rowOf(reports, await reports.recover(required(cid, 'a CID')))),
    unary(rpc.statusPage, async (query) => statusPage(reports, query?.f ?? 0, query?.a)),
  ]
}

/** As many rows as fit: pins with much metadata make fewer a page. */
function statusPage(reports: Reports, filter: number, after: string | undefined): StatusPageWire {
  for (let limit = pageRows; ; limit = Math.ceil(limit / 4)) {
    const page = reports.statusPage({ filter, limit, ...(after !== undefined && { after }) })
    const wire = statusPageToWire(page.rows.map(reports.rowOf.bind(reports)), page.next)
    if (limit === 1 || statusPageSize(wire) <= pageBytes) return wire
  }
}

function rowOf(reports: Reports, report: GlobalPinInfo): PinInfoWire {
  return pinInfoToWire(reports.rowOf(report))
}

function ipfsServices({ ipfs }: RpcServicesInit): AnyHandler[] {
  return [
    // The end of the answer is the acknowledgement; there are no reply values.
    stream(rpc.blockStream, async function* (nodes, { signal }) {
      await ipfs.putBlocks(blocksOf(nodes), { signal })
      yield* []
    }),
    unary(rpc.repoStat, async (_, { signal }) => {
      const { size, max } = await ipfs.repoStat({ signal })
      return { r: size === 0 ? undefined : BigInt(size), s: BigInt(max) }
    }),
    unary(rpc.swarmPeers, (_, { signal }) => ipfs.swarmPeers({ signal })),
  ]
}

function consensusServices({ store, removal, isFollower }: RpcServicesInit): AnyHandler[] {
  const write = async (change: PinsetChange) => {
    if (isFollower) throw new FollowerError()
    await store.write([change])
    return {}
  }
  const heard = async (peer: PeerIdText | undefined, isRemoved: boolean) => {
    await removal.heard(required(peer, 'a peer ID'), isRemoved)
    return {}
  }
  return [
    unary(rpc.addPeer, (peer) => heard(peer, false)),
    unary(rpc.rmPeer, (peer) => heard(peer, true)),
    unary(rpc.logPin, (pin) => write({ kind: 'pin', pin: pinFromWire(required(pin, 'a pin')) })),
    unary(rpc.logUnpin, (pin) => write({ kind: 'unpin', cid: pinFromWire(required(pin, 'a pin')).cid })),
  ]
}

async function garbageReport({ ipfs, self, peerName }: RpcServicesInit, signal: AbortSignal) {
  const { keys, error } = await collectGarbage(ipfs, signal)
  return { p: self, pn: peerName, k: keys.map(({ cid, error }) => ({ k: cid, e: error })), e: error }
}

async function* blocksOf(
  nodes: AsyncIterable<{ d?: Uint8Array | undefined; c?: CID | undefined }>,
): AsyncGenerator<IpfsBlock> {
  for await (const { c, d } of nodes)
    yield { cid: required(c, 'the CID of a block'), bytes: d ?? new Uint8Array(0) }
}

async function first<T>(values: AsyncIterable<T>): Promise<T | undefined> {
  for await (const value of values) return value
  return undefined
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new MsgpackError(`${what} is missing`)
  return value
}

function unary<A, R>(method: UnaryMethod<A, R>, handle: UnaryHandler<A, R>['handle']): AnyHandler {
  return { method, handle }
}

function stream<A, R>(method: StreamMethod<A, R>, handle: StreamHandler<A, R>['handle']): AnyHandler {
  return { method, handle }
}
