/** Pin options in the query of a URL (`spec/rest-api.md` §7.5). */
import { messageOf } from '../error-text.ts'
import { brokenBound } from './bounds.ts'
import { parseCid } from './cid-text.ts'
import { parseDuration, SECOND } from './duration.ts'
import { InvalidPinOptionError } from './errors.ts'
import { setMetadata } from './metadata.ts'
import { parseOrigin } from './origin.ts'
import { parsePeerId } from './peer-id.ts'
import type { PeerIdText, PinMode, PinOptions, UnixNano } from './pin.ts'
import { formatTime, parseTime } from './time.ts'

const META = 'meta-'

/** The options of a pin for which nothing is asked. */
export function defaultPinOptions(): PinOptions {
  return {
    replicationFactorMin: 0,
    replicationFactorMax: 0,
    name: '',
    mode: 'recursive',
    shardSize: 0n,
    userAllocations: [],
    metadata: {},
    origins: [],
  }
}

/**
 * Reads the options of a request made at `now`; of a parameter that comes twice the first counts, an empty one counts as
 * absent. Throws `InvalidPinOptionError` with the original's texts where it has one. Unlike it, an unknown `mode` is
 * refused: as a recursive pin it would be the costlier guess. Undecodable user allocations are dropped, as there.
 */
export function pinOptionsFromQuery(query: URLSearchParams, now: UnixNano): PinOptions {
  const both = query.get('replication') || undefined
  const options: PinOptions = {
    replicationFactorMin: factorFrom('replication-min', both ?? query.get('replication-min')),
    replicationFactorMax: factorFrom('replication-max', both ?? query.get('replication-max')),
    name: query.get('name') ?? '',
    mode: modeFrom(query.get('mode')),
    shardSize: shardSizeFrom(query.get('shard-size')),
    userAllocations: peersFrom(query.get('user-allocations')),
    metadata: metadataFrom(query),
    origins: originsFrom(query.get('origins')),
  }
  const expireAt = expiryFrom(query.get('expire-at'), query.get('expire-in'), now)
  if (expireAt !== undefined) options.expireAt = expireAt
  const pinUpdate = query.get('pin-update')
  if (pinUpdate)
    options.pinUpdate = explained('error decoding update option parameter: ', () => parseCid(pinUpdate))
  const fault = brokenBound(options)
  if (fault !== undefined) throw new InvalidPinOptionError(fault)
  return options
}

/** The query with which the original's client asks for `options`. */
export function pinOptionsToQuery(options: PinOptions): URLSearchParams {
  const query = new URLSearchParams({
    'replication-min': `${options.replicationFactorMin}`,
    'replication-max': `${options.replicationFactorMax}`,
    name: options.name,
    mode: options.mode,
    'shard-size': `${options.shardSize}`,
    'user-allocations': options.userAllocations.join(','),
  })
  if (options.expireAt !== undefined) query.set('expire-at', formatTime(options.expireAt))
  for (const [key, value] of Object.entries(options.metadata)) if (key !== '') query.set(META + key, value)
  if (options.pinUpdate !== undefined) query.set('pin-update', options.pinUpdate.toString())
  if (options.origins.length > 0) query.set('origins', options.origins.join(','))
  query.sort()
  return query
}

function factorFrom(name: string, text: string | null): number {
  if (!text) return 0
  const factor = Number(text)
  if (!/^[+-]?\d+$/.test(text) || Math.abs(factor) >= 2 ** 31) {
    throw new InvalidPinOptionError(`parameter ${name} invalid`)
  }
  return factor
}

function modeFrom(text: string | null): PinMode {
  if (!text) return 'recursive'
  if (text === 'recursive' || text === 'direct') return text
  throw new InvalidPinOptionError(`parameter mode invalid: ${JSON.stringify(text)}, use recursive or direct`)
}

function shardSizeFrom(text: string | null): bigint {
  if (!text) return 0n
  const size = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n
  if (size < 0n || size >= 2n ** 64n) throw new InvalidPinOptionError('parameter shard_size is invalid')
  return size
}

function peersFrom(text: string | null): PeerIdText[] {
  if (!text) return []
  return text.split(',').flatMap((peer) => {
    try {
      return [parsePeerId(peer)]
    } catch {
      return []
    }
  })
}

function metadataFrom(query: URLSearchParams): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const [name, value] of query) {
    const key = name.startsWith(META) ? name.slice(META.length) : ''
    if (key !== '' && !Object.hasOwn(metadata, key)) setMetadata(metadata, key, value)
  }
  return metadata
}

function originsFrom(text: string | null): string[] {
  return text ? explained('', () => text.split(',').map(parseOrigin)) : []
}

function expiryFrom(at: string | null, within: string | null, now: UnixNano): UnixNano | undefined {
  if (at) return explained('expire-at cannot be parsed: ', () => parseTime(at))
  if (!within) return undefined
  const duration = explained('expire-in cannot be parsed: ', () => parseDuration(within))
  if (duration < SECOND) throw new InvalidPinOptionError('expire-in duration too short')
  return now + duration
}

function explained<T>(prefix: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const why = messageOf(cause)
    throw new InvalidPinOptionError(prefix + why, { cause })
  }
}
