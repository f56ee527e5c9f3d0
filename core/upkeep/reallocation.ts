/** Gives pins to other peers: what is written for one pin, and how many are written in a second. */
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { PinsetChange } from '../runtime/store.ts'
import type { Pace } from './pace.ts'
import type { UpkeepMembers, UpkeepStore } from './ports.ts'

/** Pins written at once, unless the pace is slower. */
export const batchSize = 100

export interface ReallocationInit {
  store: Pick<UpkeepStore, 'write'>
  members: Pick<UpkeepMembers, 'reallocate' | 'gave'>
}

/** What became of the pins that were looked at. */
export interface Tally {
  /** Given to other peers. */
  moved: number
  /** Nobody was there to be given a copy, and the pin has enough. */
  kept: number
  /** Left without what they need for want of peers. */
  unplaced: number
  /** Why the last of those was. */
  why: string
  /** Left to the peers that are responsible. */
  left: number
}

export function emptyTally(): Tally {
  return { moved: 0, kept: 0, unplaced: 0, why: '', left: 0 }
}

export interface MoveOptions {
  /** Asked again just before each write, so that work ends when a peer returns. */
  wants: (pin: Pin) => boolean
  isGone: (peer: PeerIdText) => boolean
  /** Is added to. */
  tally: Tally
  signal: AbortSignal
  /** Absent: as fast as the store takes it. */
  pace?: Pace
}

export class Reallocation {
  readonly #init: ReallocationInit

  constructor(init: ReallocationInit) {
    this.#init = init
  }

  /** Gives copies of `pins` to other peers than those gone. */
  async move(pins: readonly Pin[], options: MoveOptions): Promise<void> {
    const { wants, tally, pace, signal } = options
    const size = Math.min(batchSize, pace?.rate ?? batchSize)
    for (let at = 0; at < pins.length; at += size) {
      const batch = pins.slice(at, at + size)
      await pace?.wait(batch.length, signal)
      signal.throwIfAborted()
      const changes = batch.filter(wants).flatMap((pin) => this.#change(pin, options) ?? [])
      if (changes.length > 0) tally.moved += (await this.#init.store.write(changes)).applied
    }
  }

  #change(pin: Pin, { isGone, tally }: MoveOptions): PinsetChange | undefined {
    const { members } = this.#init
    let allocations: PeerIdText[]
    try {
      allocations = members.reallocate(pin, isGone)
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'NotEnoughPeersError') throw error
      tally.unplaced += 1
      tally.why = error.message
      return undefined
    }
    const added = allocations.filter((peer) => !pin.allocations.includes(peer))
    if (added.length === 0 && allocations.length === pin.allocations.length) {
      tally.kept += 1
      return undefined
    }
    members.gave(added)
    // A peer of the original that writes the pin again would otherwise allocate it as the one that it replaced.
    const { pinUpdate: _, ...rest } = pin
    return { kind: 'reallocate', pin: { ...rest, allocations }, from: pin }
  }
}
