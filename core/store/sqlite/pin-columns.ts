/** A pin as the columns of its row, and back. What few pins have is in `rest`, as a stored pin without the columns. */
import type { CID } from 'multiformats/cid'
import { decodePin, encodePin } from '../../pin/codec.ts'
import type { PeerIdText, Pin, UnixNano } from '../../pin/pin.ts'
import { typeCodes } from './schema.ts'

export interface PinColumns {
  type: number
  name: string | null
  /** Seconds since the epoch. */
  expire: number | null
  /** Seconds since the epoch. */
  created: number | null
  rmin: number
  rmax: number
  depth: number
  /** Row ids of the allocations, in their order, as varints. */
  peers: Uint8Array | null
  /** A JSON object. */
  metadata: string | null
  rest: Uint8Array | null
}

/** Row ids of peers. */
export interface PeerRows {
  idOf(peer: PeerIdText): number
  peerOf(id: number): PeerIdText
}

const nanos = 1_000_000_000n
const typeNames = ['data', 'meta', 'cluster-dag', 'shard', 'bad'] as const
const nothing = new Uint8Array(0)

export function toColumns(pin: Pin, peers: PeerRows): PinColumns {
  const expire = smallSeconds(pin.expireAt)
  const created = smallSeconds(pin.timestamp)
  return {
    type: typeCodes[pin.type],
    name: pin.name === '' ? null : pin.name,
    expire,
    created,
    rmin: pin.replicationFactorMin,
    rmax: pin.replicationFactorMax,
    depth: pin.maxDepth,
    peers: pin.allocations.length === 0 ? null : packIds(pin.allocations.map((peer) => peers.idOf(peer))),
    metadata: Object.keys(pin.metadata).length === 0 ? null : JSON.stringify(pin.metadata),
    rest: restOf(pin, expire, created),
  }
}

export function fromColumns(cid: CID, row: PinColumns, peers: PeerRows): Pin {
  const pin = decodePin(cid, row.rest ?? nothing)
  pin.type = typeNames[row.type] ?? 'bad'
  pin.name = row.name ?? ''
  if (row.expire !== null) pin.expireAt = BigInt(row.expire) * nanos
  if (row.created !== null) pin.timestamp = BigInt(row.created) * nanos
  pin.replicationFactorMin = row.rmin
  pin.replicationFactorMax = row.rmax
  pin.maxDepth = row.depth
  pin.mode = row.depth === 0 ? 'direct' : 'recursive'
  if (row.peers !== null) pin.allocations = unpackIds(row.peers).map((id) => peers.peerOf(id))
  if (row.metadata !== null) pin.metadata = JSON.parse(row.metadata) as Record<string, string>
  return pin
}

/** Null for no time, and for one that a column cannot hold exactly. */
function smallSeconds(time: UnixNano | undefined): number | null {
  if (time === undefined) return null
  const seconds = Number(time / nanos)
  return Number.isSafeInteger(seconds) ? seconds : null
}

/** Null when the columns say all. */
function restOf(pin: Pin, expire: number | null, created: number | null): Uint8Array | null {
  const left: Pin = {
    ...pin,
    type: 'bad',
    name: '',
    allocations: [],
    replicationFactorMin: 0,
    replicationFactorMax: 0,
    maxDepth: 0,
    metadata: {},
  }
  if (expire !== null) delete left.expireAt
  if (created !== null) delete left.timestamp
  const isEmpty =
    left.expireAt === undefined &&
    left.timestamp === undefined &&
    left.reference === undefined &&
    left.pinUpdate === undefined &&
    left.shardSize === 0n &&
    left.origins.length === 0
  return isEmpty ? null : encodePin(left)
}

function packIds(ids: number[]): Uint8Array {
  const bytes: number[] = []
  for (let id of ids) {
    for (; id >= 0x80; id = Math.floor(id / 0x80)) bytes.push((id % 0x80) | 0x80)
    bytes.push(id)
  }
  return Uint8Array.from(bytes)
}

function unpackIds(bytes: Uint8Array): number[] {
  const ids: number[] = []
  let id = 0
  let unit = 1
  for (const byte of bytes) {
    id += (byte & 0x7f) * unit
    unit *= 0x80
    if (byte >= 0x80) continue
    ids.push(id)
    id = 0
    unit = 1
  }
  return ids
}
