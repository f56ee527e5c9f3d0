/** Pins as they are read out of the values of elements, and whether two of them say the same. */
import type { CID } from 'multiformats/cid'
import { decodePin, encodePin } from '../pin/codec.ts'
import type { PeerIdCache } from '../pin/peer-id.ts'
import type { Pin } from '../pin/pin.ts'
import { cidOfKey } from './keys.ts'
import type { KeyBytes } from './tables.ts'

/** Undefined when the value is no pin. What cannot be stored in the columns and read back the same is left out. */
export function readPin(key: KeyBytes, value: Uint8Array, peerIds?: PeerIdCache): Pin | undefined {
  try {
    const cid = cidOfKey(key)
    const pin = decodePin(cid, value, peerIds)
    return pin.origins.length === 0 ? pin : { ...pin, origins: storableOrigins(cid, pin) }
  } catch {
    return undefined
  }
}

function storableOrigins(cid: CID, pin: Pin): string[] {
  try {
    return decodePin(cid, encodePin({ ...pin, allocations: [] })).origins
  } catch {
    return []
  }
}

/** True when both say the same; the order of metadata does not count, since it is always stored sorted. */
export function arePinsEqual(a: Pin | undefined, b: Pin | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.type === b.type &&
    a.name === b.name &&
    a.mode === b.mode &&
    a.maxDepth === b.maxDepth &&
    a.replicationFactorMin === b.replicationFactorMin &&
    a.replicationFactorMax === b.replicationFactorMax &&
    a.shardSize === b.shardSize &&
    a.timestamp === b.timestamp &&
    a.expireAt === b.expireAt &&
    areCidsEqual(a.cid, b.cid) &&
    areCidsEqual(a.reference, b.reference) &&
    areCidsEqual(a.pinUpdate, b.pinUpdate) &&
    areListsEqual(a.allocations, b.allocations) &&
    areListsEqual(a.origins, b.origins) &&
    areRecordsEqual(a.metadata, b.metadata)
  )
}

/** True when the pin would be stored as these bytes. */
export function isStoredAs(pin: Pin | undefined, value: Uint8Array): boolean {
  return pin !== undefined && Buffer.compare(encodePin(pin), value) === 0
}

function areCidsEqual(a: CID | undefined, b: CID | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b)
}

function areListsEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}

function areRecordsEqual(a: Record<string, string>, b: Record<string, string>): boolean {
  const entries = Object.entries(a)
  return (
    entries.length === Object.keys(b).length &&
    entries.every(([key, value]) => Object.hasOwn(b, key) && b[key] === value)
  )
}
