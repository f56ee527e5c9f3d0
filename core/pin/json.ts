/**
 * Pins as JSON: the REST API, `state export` and `state import` (`spec/rest-api.md` §7.2, `spec/wire.md` §4.4,
 * `spec/behaviour.md` §1.1).
 */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { brokenBound } from './bounds.ts'
import { parseCid } from './cid-text.ts'
import { InvalidPinError } from './errors.ts'
import { type GoJson, parseGoJson } from './go-json.ts'
import { readField } from './json-field.ts'
import { parseMultiaddr } from './origin.ts'
import { parsePeerId } from './peer-id.ts'
import type { PeerIdText, Pin, PinMode, PinType } from './pin.ts'
import { formatTime, parseTime } from './time.ts'

export type PinJson = { readonly [key: string]: GoJson | undefined }

/**
 * `submitted`: the answer to a pin request, with what the request carried. `stored`: a pin read from the pinset; the same
 * absent things are written otherwise, as in the original.
 */
export type PinJsonForm = 'submitted' | 'stored'

const typeNames: Readonly<Record<PinType, string>> = {
  bad: 'bad-type',
  data: 'pin',
  meta: 'meta-pin',
  'cluster-dag': 'clusterdag-pin',
  shard: 'shard-pin',
}

/** The name of a type in JSON and in filters. */
export function pinTypeName(type: PinType): string {
  return typeNames[type]
}

/** The type of a name; undefined for `all` and for unknown ones. */
export function pinTypeOf(name: string): PinType | undefined {
  return (Object.keys(typeNames) as PinType[]).find((type) => typeNames[type] === name)
}

/** The object of a pin, every key in the original's order; write it with `goJson`. */
export function pinToJson(pin: Pin, form: PinJsonForm): PinJson {
  return {
    replication_factor_min: pin.replicationFactorMin,
    replication_factor_max: pin.replicationFactorMax,
    name: pin.name,
    mode: pin.mode,
    shard_size: pin.shardSize,
    user_allocations: pin.userAllocations.length > 0 ? pin.userAllocations : null,
    expire_at: formatTime(pin.expireAt),
    metadata: metadataToJson(pin.metadata, form),
    pin_update: pin.pinUpdate?.toString() ?? null,
    origins: pin.origins.length > 0 || form === 'stored' ? pin.origins : null,
    cid: pin.cid.toString(),
    type: typeNames[pin.type],
    allocations: pin.allocations,
    max_depth: pin.maxDepth,
    reference: pin.reference?.toString() ?? null,
    timestamp: formatTime(pin.timestamp),
  }
}

function metadataToJson(metadata: Record<string, string>, form: PinJsonForm): GoJson {
  const entries = new Map(Object.entries(metadata))
  return entries.size > 0 || form === 'submitted' ? entries : null
}

/**
 * Reads the text of one pin object. Absent keys and nulls stand for nothing, unknown keys are passed over; without a
 * `type` it is a data pin, without `max_depth` the mode decides. Throws `InvalidPinError`, which names the key, its value
 * and what is allowed. `prepare` may bring the JSON into this form before.
 */
export function parsePinText(text: string, prepare = (json: unknown) => json): Pin {
  let value: unknown
  try {
    value = parseGoJson(text)
  } catch (cause) {
    const why = messageOf(cause)
    throw new InvalidPinError(`a pin is expected as a JSON object: ${why}`, { cause })
  }
  return parsePinJson(prepare(value))
}

/** As `parsePinText`, for JSON that was read already (by `parseGoJson`, which keeps large integers). */
export function parsePinJson(value: unknown): Pin {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidPinError('a pin is expected as a JSON object')
  }
  const json = value as Record<string, unknown>
  const mode = readField(json, 'mode', 'recursive or direct', parseMode) ?? 'recursive'
  const pin: Pin = {
    replicationFactorMin: readField(json, 'replication_factor_min', 'an integer', parseInteger) ?? 0,
    replicationFactorMax: readField(json, 'replication_factor_max', 'an integer', parseInteger) ?? 0,
    name: readField(json, 'name', 'a text', parseText) ?? '',
    mode,
    shardSize: readField(json, 'shard_size', 'an integer from 0 to 2^64-1', parseUint64) ?? 0n,
    userAllocations: readField(json, 'user_allocations', 'a list of peer IDs', parsePeers) ?? [],
    metadata: readField(json, 'metadata', 'an object of texts', parseMetadata) ?? {},
    origins: readField(json, 'origins', 'a list of multiaddrs', parseOrigins) ?? [],
    cid: readField(json, 'cid', 'a CID', parseCidText) ?? missing('cid', 'a CID'),
    type: readField(json, 'type', Object.values(typeNames).join(', '), parseType) ?? 'data',
    allocations: readField(json, 'allocations', 'a list of peer IDs', parsePeers) ?? [],
    maxDepth: readField(json, 'max_depth', 'an integer', parseInteger) ?? (mode === 'direct' ? 0 : -1),
  }
  setOptional(pin, json)
  const fault = brokenBound(pin)
  if (fault !== undefined) throw new InvalidPinError(`pin ${pin.cid}: ${fault}`)
  return pin
}

function setOptional(pin: Pin, json: Record<string, unknown>): void {
  const expireAt = readField(json, 'expire_at', 'an RFC 3339 time', parseTimeText)
  const timestamp = readField(json, 'timestamp', 'an RFC 3339 time', parseTimeText)
  const pinUpdate = readField(json, 'pin_update', 'a CID or null', parseCidText)
  const reference = readField(json, 'reference', 'a CID or null', parseCidText)
  if (expireAt !== undefined) pin.expireAt = expireAt
  if (timestamp !== undefined) pin.timestamp = timestamp
  if (pinUpdate !== undefined) pin.pinUpdate = pinUpdate
  if (reference !== undefined) pin.reference = reference
}

function missing(key: string, allowed: string): never {
  throw new InvalidPinError(`pin object without the key ${JSON.stringify(key)}: expected ${allowed}`)
}

function parseText(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toWellFormed() : undefined
}

function parseInteger(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

function parseUint64(value: unknown): bigint | undefined {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined
  const integer = BigInt(value as number | bigint)
  return integer >= 0n && integer < 2n ** 64n ? integer : undefined
}

function parseMode(value: unknown): PinMode | undefined {
  return value === 'recursive' || value === 'direct' ? value : undefined
}

function parseType(value: unknown): PinType | undefined {
  return typeof value === 'string' ? pinTypeOf(value) : undefined
}

function parseCidText(value: unknown): CID | undefined {
  return typeof value === 'string' ? parseCid(value) : undefined
}

/** The zero time is given back as null: set, but to nothing. */
function parseTimeText(value: unknown): bigint | null | undefined {
  return typeof value === 'string' ? (parseTime(value) ?? null) : undefined
}

function parsePeers(value: unknown): PeerIdText[] | undefined {
  return parseTexts(value, parsePeerId)
}

function parseOrigins(value: unknown): string[] | undefined {
  return parseTexts(value, parseMultiaddr)
}

function parseTexts(value: unknown, parse: (text: string) => string): string[] | undefined {
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) return undefined
  return value.map(parse)
}

function parseMetadata(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  if (!entries.every(([, text]) => typeof text === 'string')) return undefined
  return Object.fromEntries(
    entries.map(([key, text]) => [key.toWellFormed(), (text as string).toWellFormed()]),
  )
}
