/** Signed records that say what an IPNS name stands for (https://specs.ipfs.tech/ipns/ipns-record/), version 2. */
import * as dagCbor from '@ipld/dag-cbor'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { PublicKey } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import type { MultihashDigest } from 'multiformats/hashes/interface'
import { NameError } from '../errors.ts'

export interface IpnsRecord {
  /** A path. */
  value: string
  sequence: bigint
  /** ms since the epoch. */
  validUntil: number
  /** s that it may be kept without another look; undefined when it does not say so. */
  ttl: number | undefined
}

/** Bytes of a record, at most. */
export const maxRecordSize = 10 * 1024

/** The key of a name in the DHT. */
export function routingKey(name: MultihashDigest): Uint8Array {
  return Buffer.concat([routingPrefix, name.bytes])
}

/** The name that a key of the DHT is of; undefined for other keys. */
export function nameOfRoutingKey(key: Uint8Array): Uint8Array | undefined {
  return Buffer.from(key.subarray(0, routingPrefix.length)).equals(routingPrefix)
    ? key.subarray(routingPrefix.length)
    : undefined
}

/** Checks signature and validity. Rejects with `NameError`. `now` in ms since the epoch. */
export async function openRecord(name: MultihashDigest, bytes: Uint8Array, now: number): Promise<IpnsRecord> {
  const { fields, numbers } = readFields(bytes)
  const data = fields.get(dataField)
  const signature = fields.get(signatureField)
  if (data === undefined || signature === undefined)
    throw new NameError('the record has no signature of version 2')
  const key = publicKeyOf(name, fields.get(publicKeyField))
  if (!(await isSigned(key, Buffer.concat([signedPrefix, data]), signature))) {
    throw new NameError('the signature of the record is not that of the name')
  }
  refuseContradiction(decodeData(data), fields, numbers)
  const record = readData(data)
  if (record.validUntil < now) throw new NameError('the record has expired')
  return record
}

/** The library throws at a signature of another length than its keys make. */
async function isSigned(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await key.verify(bytes, signature)
  } catch {
    return false
  }
}

/** The index of the record that counts: the newest, then the one that is valid longest. */
export function selectRecord(records: readonly Uint8Array[]): number {
  const read = records.map((bytes) => readData(readFields(bytes).fields.get(dataField) ?? new Uint8Array()))
  let best = 0
  for (const [index, record] of read.entries()) {
    const { sequence, validUntil } = read[best]!
    if (record.sequence > sequence || (record.sequence === sequence && record.validUntil > validUntil))
      best = index
  }
  return best
}

// Fields of the protobuf message; the first ones are those of version 1, which its signature covers.
const oldBytes = { Value: 1, Validity: 4 } as const
const oldNumbers = { ValidityType: 3, Sequence: 5, TTL: 6 } as const
const publicKeyField = 7
const signatureField = 8
const dataField = 9
const routingPrefix = Buffer.from('/ipns/')
const signedPrefix = Buffer.from('ipns-signature:')

function publicKeyOf(name: MultihashDigest, given: Uint8Array | undefined): PublicKey {
  const named = peerIdFromMultihash(name)
  if (named.publicKey !== undefined) return named.publicKey
  if (given === undefined) throw new NameError('the record has no public key')
  const key = publicKeyFromProtobuf(given)
  if (!Buffer.from(key.toMultihash().bytes).equals(name.bytes)) {
    throw new NameError('the public key of the record is not that of the name')
  }
  return key
}

/**
 * Readers of version 1 would see its fields only. A record that says one thing to them and another to us is refused,
 * though both signatures be right.
 */
function refuseContradiction(
  data: Record<string, unknown>,
  fields: ReadonlyMap<number, Uint8Array>,
  numbers: ReadonlyMap<number, number>,
): void {
  const bytesDiffer = Object.entries(oldBytes).some(([name, field]) => {
    const old = fields.get(field)
    const value = data[name]
    return old !== undefined && !(value instanceof Uint8Array && Buffer.from(value).equals(old))
  })
  const numbersDiffer = Object.entries(oldNumbers).some(([name, field]) => {
    const old = numbers.get(field)
    return old !== undefined && Number(data[name]) !== old
  })
  if (bytesDiffer || numbersDiffer)
    throw new NameError('the record says one thing in version 1 and another in version 2')
}

function readData(data: Uint8Array): IpnsRecord {
  const { Value, Validity, ValidityType, Sequence, TTL } = decodeData(data)
  const text = (value: unknown) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : '')
  const validUntil = Date.parse(text(Validity))
  if (ValidityType !== 0 || Number.isNaN(validUntil))
    throw new NameError('the record does not say how long it is valid')
  if (typeof Sequence !== 'bigint' && !Number.isSafeInteger(Sequence))
    throw new NameError('the record has no sequence number')
  const ttl = typeof TTL === 'number' || typeof TTL === 'bigint' ? Math.floor(Number(TTL) / 1e9) : undefined
  return {
    value: text(Value),
    sequence: BigInt(Sequence as number | bigint),
    validUntil,
    ttl: ttl !== undefined && ttl > 0 ? ttl : undefined,
  }
}

function decodeData(data: Uint8Array): Record<string, unknown> {
  let decoded: unknown
  try {
    decoded = dagCbor.decode(data)
  } catch (cause) {
    throw new NameError(`the record is not sound (${(cause as Error).message})`, { cause })
  }
  if (typeof decoded === 'object' && decoded !== null) return decoded as Record<string, unknown>
  throw new NameError('the record has no fields')
}

interface Fields {
  fields: Map<number, Uint8Array>
  numbers: Map<number, number>
}

/** The last value of each field that has bytes, or is a number. */
function readFields(bytes: Uint8Array): Fields {
  if (bytes.length > maxRecordSize) throw new NameError(`the record is longer than ${maxRecordSize} bytes`)
  const fields = new Map<number, Uint8Array>()
  const numbers = new Map<number, number>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || factor > 2 ** 63) throw new NameError('the record is cut off')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const size = varint()
    if (tag % 8 === 0) {
      numbers.set(Math.floor(tag / 8), size)
      continue
    }
    if (tag % 8 !== 2 || at + size > bytes.length) throw new NameError('the record is not a protobuf message')
    fields.set(Math.floor(tag / 8), bytes.subarray(at, at + size))
    at += size
  }
  return { fields, numbers }
}
