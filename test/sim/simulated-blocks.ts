/**
 * The blocks of an IPFS node: each content has a small one, a large one, and one that it shares with other content. The
 * node believes in a block that it has stored until it reads it; one whose bytes are gone or damaged is dropped then.
 */
import type { CID } from 'multiformats/cid'

export type BlockName = string

/** Kinds of shared blocks. */
const shared = 4

export function blocksOf(cid: CID): BlockName[] {
  const key = cid.toString()
  return [`small ${key}`, `large ${key}`, `large shared ${(cid.multihash.digest[1] ?? 0) % shared}`]
}

export class SimulatedBlocks {
  /** What the index names: whether the bytes are still there and right. */
  #sound: Map<BlockName, boolean>

  constructor(sound = new Map<BlockName, boolean>()) {
    this.#sound = sound
  }

  /** Fetches what is not here; what the index names is not looked at. */
  fetch(cid: CID): void {
    for (const name of blocksOf(cid)) if (!this.#sound.has(name)) this.#sound.set(name, true)
  }

  /** None of its blocks is known to be lost. */
  isWhole(cid: CID): boolean {
    return blocksOf(cid).every((name) => this.#sound.has(name))
  }

  get hasUnsound(): boolean {
    return [...this.#sound.values()].includes(false)
  }

  /** The bytes go bad. False when the block is not here, or bad already. */
  damage(name: BlockName): boolean {
    if (this.#sound.get(name) !== true) return false
    this.#sound.set(name, false)
    return true
  }

  /** False when that finds the block lost, and drops it. */
  read(name: BlockName): boolean {
    if (this.#sound.get(name) !== false) return true
    this.#sound.delete(name)
    return false
  }

  copy(): SimulatedBlocks {
    return new SimulatedBlocks(new Map(this.#sound))
  }

  /**
   * The index is another one: that of `copy`, or none. Small blocks are in the index; large ones are files, are read, and
   * are taken in if they are sound.
   */
  reindex(copy: SimulatedBlocks | undefined): void {
    const files = [...this.#sound].filter(([name, isSound]) => isSound && name.startsWith('large'))
    const known = copy === undefined ? [] : [...copy.#sound]
    const small = known.filter(([name]) => name.startsWith('small'))
    this.#sound = new Map([...files, ...small])
  }
}
