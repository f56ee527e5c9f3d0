/** The structures of the peer RPC and of metrics on the wire, key by key (`spec/wire.md` §5.1, §6.4). */
import { CID } from 'multiformats/cid'
import { formatPeerId, peerIdBytes } from '../../pin/peer-id.ts'
import type { PeerIdText, UnixNano } from '../../pin/pin.ts'
import { MsgpackError } from './msgpack.ts'
import {
  bool,
  bytes,
  type Codec,
  float,
  int,
  int64,
  list,
  mapOf,
  optional,
  required,
  struct,
  text,
  uint,
  uint64,
  type ValueOf,
} from './schema.ts'

/** The most bytes a CID, a peer ID or a multiaddr may have. */
export const maxNameBytes = 1024

function named<T>(what: string, read: (bytes: Uint8Array) => T, write: (value: T) => Uint8Array): Codec<T> {
  return {
    write: (to, value) => to.raw(write(value)),
    read(from) {
      const raw = bytes.read(from)
      if (raw.length > maxNameBytes) throw new MsgpackError(`msgpack has a ${what} of ${raw.length} bytes`)
      try {
        return read(raw)
      } catch (error) {
        throw new MsgpackError(
          `msgpack has an invalid ${what}: ${error instanceof Error ? error.message : error}`,
        )
      }
    },
  }
}

export const cid: Codec<CID> = named(
  'CID',
  (raw) => CID.decode(raw),
  (value) => value.bytes,
)
export const peer: Codec<PeerIdText> = named('peer ID', formatPeerId, peerIdBytes)
/** Binary multiaddr; `core/network` knows the text form. */
export const multiaddr: Codec<Uint8Array> = named(
  'multiaddr',
  (raw) => {
    if (raw.length === 0) throw new Error('it is empty')
    return raw
  },
  (value) => value,
)

const nanosPerSecond = 1_000_000_000n
const maxShortSeconds = 1n << 34n

/** The payload of a msgpack timestamp, in a raw. The zero time is nil, so undefined here. */
export const time: Codec<UnixNano> = {
  write(to, value) {
    const nanos = ((value % nanosPerSecond) + nanosPerSecond) % nanosPerSecond
    const seconds = (value - nanos) / nanosPerSecond
    const wide = seconds < 0n || seconds >= maxShortSeconds
    const payload = new DataView(new ArrayBuffer(wide ? 12 : nanos > 0n || seconds > 0xffff_ffffn ? 8 : 4))
    if (payload.byteLength === 12) {
      payload.setUint32(0, Number(nanos))
      payload.setBigInt64(4, seconds)
    } else if (payload.byteLength === 8) payload.setBigUint64(0, (nanos << 34n) | seconds)
    else payload.setUint32(0, Number(seconds))
    to.raw(new Uint8Array(payload.buffer))
  },
  read(from) {
    const raw = from.raw()
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
    switch (raw.length) {
      case 4:
        return BigInt(view.getUint32(0)) * nanosPerSecond
      case 8: {
        const packed = view.getBigUint64(0)
        return (packed & (maxShortSeconds - 1n)) * nanosPerSecond + (packed >> 34n)
      }
      case 12:
        return view.getBigInt64(4) * nanosPerSecond + BigInt(view.getUint32(0))
      default:
        throw new MsgpackError(`msgpack has a time of ${raw.length} bytes instead of 4, 8 or 12`)
    }
  },
}

const pinOptionFields = {
  rn: optional(int),
  rx: optional(int),
  n: optional(text),
  o: optional(int),
  s: optional(uint64),
  ua: optional(list(peer)),
  e: optional(time),
  m: optional(mapOf(text)),
  pu: optional(cid),
  g: optional(list(multiaddr)),
}

export const pinWire = struct({
  ...pinOptionFields,
  c: required(cid),
  t: optional(uint64),
  a: optional(list(peer)),
  d: optional(int),
  r: optional(cid),
  i: optional(time),
})
export type PinWire = ValueOf<typeof pinWire>

export const pinPathWire = struct({ ...pinOptionFields, path: required(text) })

const pinInfoShortFields = {
  pn: optional(text),
  i: optional(peer),
  ia: optional(list(multiaddr)),
  st: optional(int),
  ts: optional(time),
  e: optional(text),
  a: optional(int),
  y: optional(bool),
}

export const pinInfoShortWire = struct(pinInfoShortFields)

export const pinInfoWire = struct({
  c: required(cid),
  m: optional(text),
  p: optional(peer),
  o: optional(list(peer)),
  g: optional(list(multiaddr)),
  t: optional(time),
  md: optional(mapOf(text)),
  ...pinInfoShortFields,
})
export type PinInfoWire = ValueOf<typeof pinInfoWire>

export const globalPinInfoWire = struct({
  c: required(cid),
  n: required(text),
  a: optional(list(peer)),
  g: optional(list(multiaddr)),
  t: optional(time),
  m: optional(mapOf(text)),
  pm: optional(mapOf(pinInfoShortWire)),
})

export const ipfsIdWire = struct({ i: optional(peer), a: optional(list(multiaddr)), e: optional(text) })

export const idWire = struct({
  i: optional(peer),
  a: optional(list(multiaddr)),
  cp: optional(list(peer)),
  cpa: optional(list(multiaddr)),
  v: optional(text),
  c: optional(text),
  rv: optional(text),
  e: optional(text),
  ip: optional(ipfsIdWire),
  pn: optional(text),
})
export type IdWire = ValueOf<typeof idWire>

const metricFields = {
  n: optional(text),
  p: optional(peer),
  v: optional(text),
  e: optional(int64),
  d: optional(bool),
  w: optional(int64),
  o: optional(bool),
  t: optional(int64),
}

export const metricWire = struct(metricFields)
export type MetricWire = ValueOf<typeof metricWire>
export const alertWire = struct({ ...metricFields, r: optional(time) })

export const versionWire = struct({ v: required(text) })
export const nodeWithMetaWire = struct({ d: optional(bytes), c: optional(cid), s: optional(uint64) })
export const ipfsPinInfoWire = struct({ c: required(cid), t: required(int) })
export const repoStatWire = struct({ r: optional(uint64), s: required(uint64) })

export const repoGcWire = struct({
  p: optional(peer),
  pn: optional(text),
  k: required(list(struct({ k: optional(cid), e: optional(text) }))),
  e: optional(text),
})
export const globalRepoGcWire = struct({ pm: optional(mapOf(repoGcWire)) })

export const connectGraphWire = struct({
  id: required(peer),
  ip: optional(mapOf(text)),
  il: optional(mapOf(list(peer))),
  cl: optional(mapOf(list(peer))),
  ctl: optional(mapOf(bool)),
  ci: optional(mapOf(peer)),
})

export const bandwidthWire = mapOf(
  struct({ i: optional(int64), o: optional(int64), ri: optional(float), ro: optional(float) }),
)

/** The name of a method, before the arguments of each call. */
export const serviceIdWire = struct({ Name: required(text), Method: required(text) })

/** Before each reply. `ErrType` is 0 for an error of the method itself (`spec/wire.md` §6.2). */
export const responseWire = struct({
  Service: required(serviceIdWire),
  Error: optional(text),
  ErrType: optional(uint),
})
