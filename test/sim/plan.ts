/**
 * What a seed stands for: how many peers, how set up, under which load and which kinds of faults. A mask leaves parts of it
 * out, and what is left happens as before: that is how a failure is made smaller.
 */
import { type FaultKind, faultKinds, type StorageFaultKind, storageFaultKinds } from './fault-kinds.ts'
import { SeededRandom } from './seeded-random.ts'

export interface Plan {
  seed: number
  peers: number
  /** Values of the tag that parts the peers; 0 = they have no tags. */
  regions: number
  /** The last peer holds what it is given and may not write. */
  hasFollower: boolean
  /** Somebody who knows the secret and whom nobody trusts writes too. */
  hasStranger: boolean
  /** Pins of peers that are gone are given to others. */
  repinning: boolean
  clients: number
  /** Of all clients together. */
  operations: number
  /** Different CIDs. */
  contents: number
  /** Milliseconds between an answer and the next operation of the same client, at most. */
  pause: number
  /** Milliseconds between two faults, at most. */
  faultPause: number
  faults: readonly FaultKind[]
  /** Mostly none: the nodes of most runs keep what they have. */
  storageFaults: readonly StorageFaultKind[]
  /** Events between two looks at what must hold at any time. */
  checkEvery: number
}

export type Profile = 'usual' | 'many'

/** Numbers of operations and faults that are left out, and how many peers there are instead. */
export interface Mask {
  operations: ReadonlySet<number>
  faults: ReadonlySet<number>
  peers?: number
}

export const noMask: Mask = { operations: new Set(), faults: new Set() }

/** Mostly few: a peer more makes a run longer, and seldom another one. */
const sizes = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 8, 10, 12]

export function planOf(seed: number, profile: Profile = 'usual'): Plan {
  const random = SeededRandom.of(seed, 'plan', 0)
  const peers = profile === 'many' ? 200 : random.pick(sizes)
  const pause = random.pick([300, 1_000, 3_000, 10_000])
  const faults = faultKinds.filter(() => random.chance(0.6))
  // Apart from the others: plans without such faults are what they were.
  const storage = SeededRandom.of(seed, 'storage plan', 0)
  const isSpared = storage.chance(0.5)
  return {
    seed,
    peers,
    regions: random.pick([0, 1, 2, 3]),
    hasFollower: peers > 3 && random.chance(0.25),
    hasStranger: random.chance(0.4),
    repinning: random.chance(0.6),
    clients: random.between(3, 7),
    operations: profile === 'many' ? 60 : random.between(500, 520),
    contents: random.between(12, 45),
    pause: profile === 'many' ? 3_000 : pause,
    faultPause: profile === 'many' ? 1_000 : random.between(1, 8) * pause,
    faults: faults.length === 0 ? faultKinds : faults,
    storageFaults: isSpared ? [] : storageFaultKinds.filter(() => storage.chance(0.6)),
    checkEvery: profile === 'many' ? 20_000 : 400,
  }
}

/** The plan without what the mask leaves out; operations and faults are left out one by one, where they are drawn. */
export function masked(plan: Plan, { peers = plan.peers }: Mask): Plan {
  return { ...plan, peers, hasFollower: plan.hasFollower && peers > 3 }
}
