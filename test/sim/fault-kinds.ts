/** The kinds of faults by name; `faults.ts` inflicts them. */
export const faultKinds = [
  'kill',
  'kill at a step',
  'kill in a write',
  'power loss',
  'pause',
  'long absence',
  'lost for good',
  'bad network',
  'cut one way',
  'cut both ways',
  'partition',
  'flapping',
  'clock jump',
  'clock drift',
  'full disk',
  'IPFS down',
  'IPFS hanging',
  'IPFS slow',
  'IPFS failing',
  'IPFS forgets',
  'unpin out of band',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** Faults of the disk that the IPFS node keeps its blocks on. They are drawn apart from the others. */
export const storageFaultKinds = ['block lost', 'block flipped', 'index lost', 'index of yesterday'] as const

export type StorageFaultKind = (typeof storageFaultKinds)[number]
