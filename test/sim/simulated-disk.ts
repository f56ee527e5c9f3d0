/**
 * A virtual disk with one file that only grows. What was appended is safe after `sync`; a crash loses any part of the
 * rest, and what it leaves may end in the middle of a record or in garbage.
 */
import type { Random, Scheduler } from '../../core/runtime/ports.ts'

export interface SimulatedDiskInit {
  random: Random
  /** Milliseconds that a sync takes at most; 5 when absent. */
  slowestSync?: number
  /** Bytes that the disk holds; unlimited when absent. */
  capacity?: number
}

/** As the system says it. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError'
  readonly code = 'ENOSPC'
  constructor() {
    super('no space left on device')
  }
}

export class SimulatedDisk {
  readonly #random: Random
  readonly #slowestSync: number
  /** Has room for more than is written. */
  #buffer: Uint8Array = new Uint8Array(4096)
  #length = 0
  #synced = 0
  /** Rises with each crash: a sync that it cut off never ends. */
  #crashes = 0
  capacity: number
  /** Crashes that took unsynced bytes, and that left the last record in the middle. */
  readonly counts = { lost: 0, torn: 0 }

  constructor({ random, slowestSync = 5, capacity = Number.POSITIVE_INFINITY }: SimulatedDiskInit) {
    this.#random = random
    this.#slowestSync = slowestSync
    this.capacity = capacity
  }

  /** Throws `NoSpaceError`, with nothing written. */
  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.capacity) throw new NoSpaceError()
    if (length > this.#buffer.length) {
      const longer = new Uint8Array(2 * length)
      longer.set(this.read())
      this.#buffer = longer
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }

  sync(scheduler: Scheduler): Promise<void> {
    const target = this.#length
    const crashes = this.#crashes
    return new Promise((resolve) => {
      scheduler.after(this.#random.float() * this.#slowestSync, () => {
        if (crashes !== this.#crashes) return
        this.#synced = Math.max(this.#synced, target)
        resolve()
      })
    })
  }

  read(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Drops what is after `length`, durably. */
  truncate(length: number): void {
    this.#length = length
    this.#synced = length
  }

  /** The power goes: of what was not synced, a beginning stays, and half of the time its end is garbage. */
  crash(): void {
    this.#crashes++
    const unsynced = this.#length - this.#synced
    const kept = Math.floor(this.#random.float() * (unsynced + 1))
    if (kept < unsynced) this.counts.lost++
    if (kept > 0) this.counts.torn++
    this.#length = this.#synced + kept
    if (kept > 0 && this.#random.float() < 0.5) {
      const garbage = this.#random.bytes(Math.min(kept, 16))
      this.#buffer.set(garbage, this.#length - garbage.length)
    }
    this.#synced = this.#length
  }
}
