/** The bounds of `limits.ts`, checked on what users give. */
import {
  MAX_ALLOCATIONS,
  MAX_METADATA_BYTES,
  MAX_METADATA_KEYS,
  MAX_NAME_BYTES,
  MAX_ORIGINS,
} from './limits.ts'
import type { PinOptions } from './pin.ts'

const MAX_FACTOR = 2 ** 31 - 1
const MAX_UINT64 = 2n ** 64n - 1n

const utf8 = new TextEncoder()

/** Which bound the options break, as a text for the user; undefined when they keep all. */
export function brokenBound(options: PinOptions & { allocations?: readonly string[] }): string | undefined {
  const { metadata, origins, userAllocations, allocations = [] } = options
  const entries = Object.entries(metadata)
  const metadataBytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return (
    tooMuch('name', byteLength(options.name), MAX_NAME_BYTES, 'bytes') ??
    tooMuch('metadata', entries.length, MAX_METADATA_KEYS, 'keys') ??
    tooMuch('metadata', metadataBytes, MAX_METADATA_BYTES, 'bytes') ??
    tooMuch('origins', origins.length, MAX_ORIGINS, 'addresses') ??
    tooMuch('user-allocations', userAllocations.length, MAX_ALLOCATIONS, 'peers') ??
    tooMuch('allocations', allocations.length, MAX_ALLOCATIONS, 'peers') ??
    outOfRange('replication_factor_min', options.replicationFactorMin) ??
    outOfRange('replication_factor_max', options.replicationFactorMax) ??
    (options.shardSize < 0n || options.shardSize > MAX_UINT64 ? 'shard_size is out of range' : undefined)
  )
}

function byteLength(text: string): number {
  return utf8.encode(text).length
}

function tooMuch(what: string, found: number, most: number, unit: string): string | undefined {
  return found > most ? `${what} of ${found} ${unit}: at most ${most} are allowed` : undefined
}

function outOfRange(what: string, factor: number): string | undefined {
  return Number.isInteger(factor) && Math.abs(factor) <= MAX_FACTOR ? undefined : `${what} is out of range`
}
