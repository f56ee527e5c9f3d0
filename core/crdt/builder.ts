/** Puts and deletes collected into the next delta of this peer (`spec/wire.md` §3.7), with one element a key at most. */
import { varintSize } from '../pin/protobuf.ts'
import type { BlockId } from './block-id.ts'
import { type Delta, encodeDelta } from './delta.ts'
import { DELTA_BYTES, DELTA_OPERATIONS } from './limits.ts'

/** `removed`: a request after this one finds the key gone. */
export type PendingValue = { kind: 'put'; value: Uint8Array } | { kind: 'removed' }

/** Bytes of the priority field at most. */
const PRIORITY_BYTES = 11

/**
 * A delta that fills up to `DELTA_BYTES` or `DELTA_OPERATIONS`. A request that does not fit any more goes into the next
 * one; an empty delta takes any put.
 */
export class PendingDelta {
  readonly #values = new Map<string, Uint8Array>()
  readonly #tombstones = new Map<string, Set<BlockId>>()
  #bytes = PRIORITY_BYTES
  #operations = 0

  /** True when a delta of these changes would be for nothing. */
  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#tombstones.size === 0
  }

  /** True when it is time to write the delta: nothing more, or hardly anything, fits. */
  get isFull(): boolean {
    return this.#bytes >= DELTA_BYTES || this.#operations >= DELTA_OPERATIONS
  }

  /** Bytes that the encoded delta takes at most. */
  get bytes(): number {
    return this.#bytes
  }

  /** What is pending for a key; undefined when the stored state still holds. */
  get(key: string): PendingValue | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) return { kind: 'put', value }
    return this.#tombstones.has(key) ? { kind: 'removed' } : undefined
  }

  /** Takes a put, in place of an earlier one of the key. False when it does not fit: write this delta first. */
  put(key: string, value: Uint8Array): boolean {
    const added = elementSize(key, value) - this.#pendingSize(key)
    if (!this.#hasRoom(added)) return false
    this.#values.set(key, value)
    this.#bytes += added
    this.#operations++
    return true
  }

  /**
   * Takes a delete: drops the pending put of the key and kills its stored live elements, which the caller looks up and
   * gives **lowest first** (`compareElements`). Returns the ids that did not fit. They go into the next delta, and until
   * then the value of the key stays what it was, since its greatest element is killed last. It takes a delete also when
   * `isFull`: ask before.
   */
  remove(key: string, live: readonly BlockId[]): BlockId[] {
    this.#bytes -= this.#pendingSize(key)
    this.#values.delete(key)
    this.#operations++
    let killed = this.#tombstones.get(key)
    for (const [index, id] of live.entries()) {
      if (killed?.has(id)) continue
      const added = tombstoneSize(key, id)
      if (this.#bytes + added > DELTA_BYTES) return live.slice(index)
      if (killed === undefined) this.#tombstones.set(key, (killed = new Set()))
      killed.add(id)
      this.#bytes += added
    }
    return []
  }

  /** The delta with the priority of `HeadSet.nextPriority`. */
  toDelta(priority: bigint): Delta {
    return {
      priority,
      elements: [...this.#values].map(([key, value]) => ({ key, value })),
      tombstones: [...this.#tombstones].flatMap(([key, ids]) =>
        [...ids].map((blockId) => ({ key, blockId })),
      ),
    }
  }

  encode(priority: bigint): Uint8Array<ArrayBuffer> {
    return encodeDelta(this.toDelta(priority))
  }

  #pendingSize(key: string): number {
    const pending = this.#values.get(key)
    return pending === undefined ? 0 : elementSize(key, pending)
  }

  #hasRoom(added: number): boolean {
    if (this.isEmpty) return true
    return this.#bytes + added <= DELTA_BYTES && this.#operations < DELTA_OPERATIONS
  }
}

/** Keys and ids are ASCII: one byte a character. */
function elementSize(key: string, value: Uint8Array): number {
  return fieldSize(fieldSize(key.length) + (value.length === 0 ? 0 : fieldSize(value.length)))
}

function tombstoneSize(key: string, id: BlockId): number {
  return fieldSize(fieldSize(key.length) + fieldSize(id.length + 1))
}

function fieldSize(length: number): number {
  return 1 + varintSize(length) + length
}
