/**
 * `/ipfscluster/pages/1.0.0`: what a peer of ours says of all pins, page by page in the order of their CIDs, so that the
 * lists of many peers are merged as they come. It is called as the methods of the original are, over a protocol of its own:
 * a peer of the original does not speak it, and streams its whole list instead.
 *
 * A query has the filter and where to go on. A page has the names of the answering peer once, then its rows by the bytes of
 * their CIDs, and where to go on, unless it is the last. It may be empty and not be the last: then little was found in what
 * was looked at. What a row says of the pin itself is in one piece, as the caller mostly has the pin, and need not read it;
 * it names the peers that hold the pin by their place in a list that the page has once.
 */
import type { PeerIdText, UnixNano } from '../../pin/pin.ts'
import type { PeerPinInfo } from '../../pin/pin-info.ts'
import { statusBits } from '../../pin/status.ts'
import { encoded } from './client.ts'
import {
  addressFromWire,
  addressToWire,
  mapUnlessEmpty,
  type PinInfoRow,
  statusOf,
  textEntries,
} from './conversion.ts'
import { MsgpackError, MsgpackReader } from './msgpack.ts'
import {
  bool,
  bytes,
  int,
  list,
  mapOf,
  optional,
  required,
  struct,
  text,
  uint,
  type ValueOf,
} from './schema.ts'
import { maxNameBytes, multiaddr, peer, time } from './wire-types.ts'

export const pagesProtocol = '/ipfscluster/pages/1.0.0'

/** Rows of a page that is read. */
const maxRows = 1_000

/** `f`: bits of statuses, 0 = all. `a`: `n` of the page before. */
export const statusQueryWire = struct({ f: optional(int), a: optional(text) })

/** What is said of the pin itself; keys as in the rows of the original. */
const pinPartWire = struct({
  m: optional(text),
  o: optional(list(uint)),
  g: optional(list(multiaddr)),
  t: optional(time),
  md: optional(mapOf(text)),
})

const statusRowWire = struct({
  c: required(bytes),
  st: optional(uint),
  ts: optional(time),
  e: optional(text),
  a: optional(uint),
  y: optional(bool),
  d: optional(bytes),
})
type StatusRowWire = ValueOf<typeof statusRowWire>

export const statusPageWire = struct({
  pn: optional(text),
  i: optional(peer),
  ia: optional(list(multiaddr)),
  p: optional(list(peer)),
  r: required(list(statusRowWire)),
  n: optional(text),
})
export type StatusPageWire = ValueOf<typeof statusPageWire>

/** What a row says of the pin itself. */
export interface PinPart {
  name: string
  allocations: PeerIdText[]
  origins: string[]
  created: UnixNano | undefined
  metadata: Record<string, string>
}

export interface StatusRow {
  /** Bytes that are to be a CID; whoever needs it decodes it. */
  key: Uint8Array
  info: PeerPinInfo
  /** Throws `MsgpackError`. */
  pin(): PinPart
}

export interface StatusPage {
  rows: StatusRow[]
  next: string | undefined
}

/** Of rows of one peer, in the order of their CIDs. */
export function statusPageToWire(rows: readonly PinInfoRow[], next: string | undefined): StatusPageWire {
  const reporter = rows[0]?.info
  const places = new Map<PeerIdText, number>()
  const wireRows = rows.map((row) => rowToWire(row, places))
  return {
    pn: reporter?.peerName || undefined,
    i: reporter?.ipfsPeerId || undefined,
    ia: reporter?.ipfsPeerAddresses.map(addressToWire),
    p: [...places.keys()],
    r: wireRows,
    n: next,
  }
}

/** `places` takes in the peers that the row names. */
function rowToWire(row: PinInfoRow, places: Map<PeerIdText, number>): StatusRowWire {
  const { info } = row
  for (const holder of row.allocations) if (!places.has(holder)) places.set(holder, places.size)
  const pin = {
    m: row.name || undefined,
    o: row.allocations.length === 0 ? undefined : row.allocations.map((holder) => places.get(holder)!),
    g: row.origins.length === 0 ? undefined : row.origins.map(addressToWire),
    t: row.created,
    md: mapUnlessEmpty(row.metadata),
  }
  return {
    c: row.cid.bytes,
    st: statusBits[info.status],
    ts: info.timestamp,
    e: info.error || undefined,
    a: info.attemptCount || undefined,
    y: info.priorityPin || undefined,
    d: encoded(pinPartWire, pin),
  }
}

/** Bytes of the rows of a page, about. */
export function statusPageSize({ r = [] }: StatusPageWire): number {
  return r.reduce((sum, { c, d, e }) => sum + (c?.length ?? 0) + (d?.length ?? 0) + (e?.length ?? 0) + 64, 0)
}

/** `after`: the key of the last row before. Throws `MsgpackError`, also for rows that are not in the order of their keys. */
export function statusPageFromWire(page: StatusPageWire, after: Uint8Array | undefined): StatusPage {
  const { p: peers = [], r = [], n: next } = page
  if (r.length > maxRows) throw new MsgpackError(`a page of ${r.length} rows`)
  const names = {
    peerName: page.pn ?? '',
    ipfsPeerId: page.i ?? '',
    ipfsPeerAddresses: (page.ia ?? []).map(addressFromWire),
  }
  let last = after
  const rows = r.map((row) => {
    const key = keyOf(row)
    if (last !== undefined && Buffer.compare(last, key) >= 0) {
      throw new MsgpackError('rows of a page that are not in the order of their CIDs')
    }
    last = key
    return { key, info: infoOf(row, names), pin: () => pinPartOf(row.d, peers) }
  })
  return { rows, next }
}

function keyOf({ c }: StatusRowWire): Uint8Array {
  if (c === undefined || c.length === 0 || c.length > maxNameBytes) {
    throw new MsgpackError(`a row of a page with ${c?.length ?? 0} bytes for a CID`)
  }
  return c
}

function infoOf(
  { st, ts, e, a, y }: StatusRowWire,
  names: Pick<PeerPinInfo, 'peerName' | 'ipfsPeerId' | 'ipfsPeerAddresses'>,
): PeerPinInfo {
  return {
    ...names,
    status: statusOf(st ?? 0),
    timestamp: ts ?? 0n,
    error: e ?? '',
    attemptCount: a ?? 0,
    priorityPin: y ?? false,
  }
}

function pinPartOf(part: Uint8Array | undefined, peers: readonly PeerIdText[]): PinPart {
  const { m, o, g, t, md } = part === undefined ? {} : pinPartWire.read(new MsgpackReader(part))
  return {
    name: m ?? '',
    allocations: (o ?? []).map((place) => peers[place] ?? unnamed(place)),
    origins: (g ?? []).map(addressFromWire),
    created: t,
    metadata: textEntries(md),
  }
}

function unnamed(place: number): never {
  throw new MsgpackError(`a row of a page names peer ${place} of a list that has none there`)
}
