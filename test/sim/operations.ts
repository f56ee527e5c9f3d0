/** What clients and operators may ask for, drawn one by one. */
import type { CID } from 'multiformats/cid'
import type { PinMode, UnixNano } from '../../core/pin/pin.ts'
import type { SeededRandom } from './seeded-random.ts'

/** The options of a pin, with peers by their place among the peers. */
export interface AskedPin {
  name: string
  mode: PinMode
  /** 0 = the default of the peer that is asked. */
  min: number
  max: number
  preferred: number[]
  /** Milliseconds from now. */
  expiresIn: number | undefined
}

export type OperationKind =
  | { kind: 'pin'; cid: CID; pin: AskedPin }
  /** The pin that is there already, with the same options. */
  | { kind: 'pin again'; cid: CID }
  | { kind: 'update'; cid: CID; from: CID; name: string }
  | { kind: 'unpin'; cid: CID }
  | { kind: 'status'; cid: CID }
  | { kind: 'list' }
  | { kind: 'recover'; cid: CID }
  | { kind: 'recover all' }
  | { kind: 'restart' }
  | { kind: 'reconfigure'; concurrency: number; min: number; max: number }
  | { kind: 'use another IPFS node' }
  /** One that will not come back. */
  | { kind: 'remove a lost peer' }

/** How often each comes, in proportion. */
const shares: readonly [OperationKind['kind'], number][] = [
  ['pin', 30],
  ['pin again', 6],
  ['update', 6],
  ['unpin', 24],
  ['status', 15],
  ['list', 3],
  ['recover', 8],
  ['recover all', 2],
  ['restart', 1],
  ['reconfigure', 1],
  ['use another IPFS node', 0.5],
  ['remove a lost peer', 0.5],
]

const sum = shares.reduce((total, [, share]) => total + share, 0)

/** `index`: its number, which makes its pins known from all others. */
export function drawOperation(
  random: SeededRandom,
  index: number,
  contents: readonly CID[],
  peers: number,
): OperationKind {
  const kind = drawKind(random)
  const cid = random.pick(contents)
  const name = `op ${index}`
  switch (kind) {
    case 'pin':
      return { kind, cid, pin: drawPin(random, name, peers) }
    case 'update':
      return { kind, cid, from: random.pick(contents), name }
    case 'reconfigure':
      return { kind, concurrency: random.between(1, 6), ...drawFactors(random, 3) }
    case 'list':
    case 'recover all':
    case 'restart':
    case 'use another IPFS node':
    case 'remove a lost peer':
      return { kind }
    default:
      return { kind, cid }
  }
}

function drawKind(random: SeededRandom): OperationKind['kind'] {
  let at = random.float() * sum
  for (const [kind, share] of shares) {
    at -= share
    if (at < 0) return kind
  }
  return 'status'
}

function drawPin(random: SeededRandom, name: string, peers: number): AskedPin {
  const expires = random.chance(0.12)
  const preferred = random.chance(0.15) ? [random.between(0, peers - 1), random.between(0, peers - 1)] : []
  return {
    name,
    mode: random.chance(0.15) ? 'direct' : 'recursive',
    // Now and then more than there are, which is refused.
    ...(random.chance(0.15) ? { min: 0, max: 0 } : drawFactors(random, Math.min(6, peers))),
    preferred,
    expiresIn: expires ? random.between(1_000, random.pick([10_000, 300_000])) : undefined,
  }
}

function drawFactors(random: SeededRandom, most: number): { min: number; max: number } {
  if (random.chance(0.2)) return { min: -1, max: -1 }
  const min = random.between(1, most)
  return { min, max: random.between(min, most) }
}

/** Nanoseconds since the epoch, in whole seconds, as pins keep it. */
export function expiryOf(now: number, expiresIn: number | undefined): UnixNano | undefined {
  return expiresIn === undefined ? undefined : BigInt(Math.ceil((now + expiresIn) / 1000)) * 1_000_000_000n
}
