/** Flags that say how something is to be pinned, and what they ask of the API. */

import type { PinObject } from '../../core/client/shapes.ts'
import { parseDuration } from '../../core/pin/duration.ts'
import { setMetadata } from '../../core/pin/metadata.ts'
import { parsePeerId } from '../../core/pin/peer-id.ts'
import type { PinOptions } from '../../core/pin/pin.ts'
import type { FlagDeclaration } from '../declaration.ts'
import { CommandError } from '../errors.ts'
import type { Session } from '../session.ts'

const factor = { type: 'integer', default: 0, hint: 'n' } as const

export const replicationFlags = {
  'replication-min': {
    ...factor,
    alias: ['rmin'],
    description: "copies wanted at least; -1 = on every peer, 0 = the peer's setting",
  },
  'replication-max': {
    ...factor,
    alias: ['rmax'],
    description: "copies wanted at most; -1 = on every peer, 0 = the peer's setting",
  },
} as const satisfies Record<string, FlagDeclaration>

export const nameFlag = {
  name: { type: 'string', alias: ['n'], default: '', description: 'name of the pin' },
} as const satisfies Record<string, FlagDeclaration>

export const expiryFlag = {
  'expire-in': {
    type: 'string',
    hint: 'duration',
    description: 'unpin by itself after this time, such as 24h',
  },
} as const satisfies Record<string, FlagDeclaration>

export const detailFlags = {
  metadata: {
    type: 'string',
    hint: 'key=value',
    repeatable: true,
    description: 'metadata of the pin',
  },
  allocations: {
    type: 'string',
    alias: ['allocs'],
    hint: 'peer IDs',
    default: '',
    description: 'peers preferred for the copies, comma separated',
  },
} as const satisfies Record<string, FlagDeclaration>

/** The time to expire at; undefined when none is asked for. Throws `CommandError`. */
export function expiryOf(expireIn: string | undefined): Pick<PinOptions, 'expireAt'> {
  if (!expireIn) return {}
  try {
    return { expireAt: BigInt(Date.now()) * 1_000_000n + parseDuration(expireIn) }
  } catch (cause) {
    throw new CommandError('parsing expire-in', cause)
  }
}

/** Throws `CommandError`. */
export function metadataOf(entries: string[]): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const entry of entries) {
    const [key, ...value] = entry.split('=')
    if (value.length === 0) {
      throw new CommandError('parsing metadata', 'metadata were not in the format key=value')
    }
    // The API has no name for it, and would drop it.
    if (key === '')
      throw new CommandError('parsing metadata', `${JSON.stringify(entry)} has no key before its "="`)
    setMetadata(metadata, key!, value.join('='))
  }
  return metadata
}

/** Tells which of the peers that were preferred do not hold the pin, and why. */
export function warnOfAllocations(asked: string[], pin: PinObject, session: Pick<Session, 'warn'>): void {
  if (asked.length === 0) return
  if (pin.replication_factor_min === -1) {
    session.warn(
      '--allocations has no effect: the pin is for every peer; --rmin and --rmax ask for fewer copies',
    )
    return
  }
  for (const id of asked.filter((each) => !(pin.allocations ?? []).includes(each))) {
    session.warn(
      `${id} of --allocations was not chosen: it is no member of the cluster now, has no room, or more peers are named than copies are made`,
    )
  }
}

/** Throws `CommandError`; the API would pass over what it cannot read. */
export function allocationsOf(text: string): string[] {
  if (text === '') return []
  try {
    return text.split(',').map((id) => parsePeerId(id.trim()))
  } catch (cause) {
    const why = `some peer IDs could not be decoded: ${cause instanceof Error ? cause.message : cause}`
    throw new CommandError('decoding allocations', why)
  }
}
