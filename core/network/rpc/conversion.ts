/** Between the structures of the wire and the peer's own types. What the wire left out gets its zero value. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Pin, PinType } from '../../pin/pin.ts'
import type { PeerIdentity, PeerPinInfo } from '../../pin/pin-info.ts'
import { type PinStatus, statusBits } from '../../pin/status.ts'
import { MsgpackError } from './msgpack.ts'
import type { IdWire, PinInfoWire, PinWire } from './wire-types.ts'

const typeBits = { bad: 1n, data: 2n, meta: 4n, 'cluster-dag': 8n, shard: 16n } as const satisfies Record<
  PinType,
  bigint
>

export function pinToWire(pin: Pin): PinWire {
  return {
    rn: pin.replicationFactorMin || undefined,
    rx: pin.replicationFactorMax || undefined,
    n: pin.name || undefined,
    o: pin.mode === 'direct' ? 1 : undefined,
    s: pin.shardSize || undefined,
    ua: unlessEmpty(pin.userAllocations),
    e: pin.expireAt,
    m: mapUnlessEmpty(pin.metadata),
    pu: pin.pinUpdate,
    g: unlessEmpty(pin.origins.map(addressToWire)),
    c: pin.cid,
    t: typeBits[pin.type],
    a: pin.allocations,
    d: pin.maxDepth || undefined,
    r: pin.reference,
    i: pin.timestamp,
  }
}

/** Throws `MsgpackError` for a pin without a CID or of an unknown type. */
export function pinFromWire(wire: PinWire): Pin {
  if (wire.c === undefined) throw new MsgpackError('a pin without a CID')
  const type = Object.entries(typeBits).find(([, bit]) => bit === wire.t)?.[0] as PinType | undefined
  if (type === undefined) throw new MsgpackError(`a pin of the unknown type ${wire.t ?? 0}`)
  const pin: Pin = {
    cid: wire.c,
    type,
    allocations: wire.a ?? [],
    maxDepth: wire.d ?? 0,
    replicationFactorMin: wire.rn ?? 0,
    replicationFactorMax: wire.rx ?? 0,
    name: wire.n ?? '',
    mode: wire.o === 1 ? 'direct' : 'recursive',
    shardSize: wire.s ?? 0n,
    userAllocations: wire.ua ?? [],
    metadata: textEntries(wire.m),
    origins: (wire.g ?? []).map(addressFromWire),
  }
  if (wire.e !== undefined) pin.expireAt = wire.e
  if (wire.pu !== undefined) pin.pinUpdate = wire.pu
  if (wire.r !== undefined) pin.reference = wire.r
  if (wire.i !== undefined) pin.timestamp = wire.i
  return pin
}

/** One row of a status: the pin as its peer sees it. */
export interface PinInfoRow {
  cid: NonNullable<PinInfoWire['c']>
  name: string
  peer: string
  allocations: string[]
  origins: string[]
  created: bigint | undefined
  metadata: Record<string, string>
  info: PeerPinInfo
}

export function pinInfoToWire(row: PinInfoRow): PinInfoWire {
  const { info } = row
  return {
    c: row.cid,
    m: row.name || undefined,
    p: row.peer,
    o: unlessEmpty(row.allocations),
    g: unlessEmpty(row.origins.map(addressToWire)),
    t: row.created,
    md: mapUnlessEmpty(row.metadata),
    pn: info.peerName || undefined,
    i: info.ipfsPeerId || undefined,
    ia: unlessEmpty(info.ipfsPeerAddresses.map(addressToWire)),
    st: statusBits[info.status] || undefined,
    ts: info.timestamp,
    e: info.error || undefined,
    a: info.attemptCount || undefined,
    y: info.priorityPin || undefined,
  }
}

/** Throws `MsgpackError` for a row that does not say of which CID or peer it is. */
export function pinInfoFromWire(wire: PinInfoWire): PinInfoRow {
  if (wire.c === undefined || wire.p === undefined) throw new MsgpackError('a status without a CID or a peer')
  return {
    cid: wire.c,
    name: wire.m ?? '',
    peer: wire.p,
    allocations: wire.o ?? [],
    origins: (wire.g ?? []).map(addressFromWire),
    created: wire.t,
    metadata: textEntries(wire.md),
    info: {
      peerName: wire.pn ?? '',
      ipfsPeerId: wire.i ?? '',
      ipfsPeerAddresses: addressesFromWire(wire.ia, maxAddresses),
      status: statusOf(wire.st ?? 0),
      timestamp: wire.ts ?? 0n,
      error: wire.e ?? '',
      attemptCount: wire.a ?? 0,
      priorityPin: wire.y ?? false,
    },
  }
}

export function identityToWire(identity: PeerIdentity): IdWire {
  const { ipfs } = identity
  return {
    i: identity.id,
    a: identity.addresses.map(addressToWire),
    cp: identity.clusterPeers,
    cpa: identity.clusterPeersAddresses.map(addressToWire),
    v: identity.version || undefined,
    c: identity.commit || undefined,
    rv: identity.rpcProtocolVersion || undefined,
    e: identity.error || undefined,
    ip: {
      i: ipfs.id || undefined,
      a: unlessEmpty(ipfs.addresses.map(addressToWire)),
      e: ipfs.error || undefined,
    },
    pn: identity.peerName || undefined,
  }
}

/** Addresses of one node that are read, and peers that one names, and addresses of these. The rest is ignored. */
const maxAddresses = 64
const maxNamed = 10_000

function addressesFromWire(addresses: readonly Uint8Array[] | undefined, most: number): string[] {
  return (addresses ?? []).slice(0, most).map(addressFromWire)
}

/** Throws `MsgpackError` for an identity without a peer ID. */
export function identityFromWire(wire: IdWire): PeerIdentity {
  if (wire.i === undefined) throw new MsgpackError('an identity without a peer ID')
  return {
    id: wire.i,
    addresses: addressesFromWire(wire.a, maxAddresses),
    clusterPeers: (wire.cp ?? []).slice(0, maxNamed),
    clusterPeersAddresses: addressesFromWire(wire.cpa, maxNamed),
    version: wire.v ?? '',
    commit: wire.c ?? '',
    rpcProtocolVersion: wire.rv ?? '',
    error: wire.e ?? '',
    ipfs: {
      id: wire.ip?.i ?? '',
      addresses: addressesFromWire(wire.ip?.a, maxAddresses),
      error: wire.ip?.e ?? '',
    },
    peerName: wire.pn ?? '',
  }
}

export function addressToWire(address: string): Uint8Array {
  return multiaddr(address).bytes
}

export function addressFromWire(address: Uint8Array): string {
  try {
    return multiaddr(address).toString()
  } catch (error) {
    throw new MsgpackError(`an invalid multiaddr: ${error instanceof Error ? error.message : error}`)
  }
}

const statusByBits = new Map(
  Object.entries(statusBits).map(([status, bits]): [number, PinStatus] => [bits, status as PinStatus]),
)

/** Throws `MsgpackError`. */
export function statusOf(bits: number): PinStatus {
  const status = statusByBits.get(bits)
  if (status === undefined) throw new MsgpackError(`the unknown status ${bits}`)
  return status
}

function unlessEmpty<T>(values: T[]): T[] | undefined {
  return values.length === 0 ? undefined : values
}

export function mapUnlessEmpty(entries: Record<string, string>): Map<string, string> | undefined {
  const map = new Map(Object.entries(entries))
  return map.size === 0 ? undefined : map
}

export function textEntries(map: Map<string, string | undefined> | undefined): Record<string, string> {
  return Object.fromEntries([...(map ?? [])].map(([key, value]) => [key, value ?? '']))
}
