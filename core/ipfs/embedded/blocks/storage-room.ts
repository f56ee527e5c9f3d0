/** How many bytes of blocks the node may hold: what the configuration allows and what the disk has room for. */
import { statfs } from 'node:fs/promises'

/** Bytes of the disk that are left to everything else. */
const reserve = 256 * 1024 * 1024
/** Bytes written between two looks at the disk. */
const checkInterval = 64 * 1024 * 1024

export class StorageRoom {
  readonly #folder: string
  readonly #configured: number
  #free = 0
  #unchecked = 0

  /** `configured`: bytes, 0 = what the disk has. */
  constructor(folder: string, configured: number) {
    this.#folder = folder
    this.#configured = configured
  }

  /** Asks the disk. */
  async refresh(): Promise<void> {
    this.#unchecked = 0
    const { bavail, bsize } = await statfs(this.#folder)
    this.#free = Math.max(0, bavail * bsize - reserve)
  }

  /** To be told what was written, bytes. Now and then it asks the disk. */
  async took(bytes: number): Promise<void> {
    this.#free = Math.max(0, this.#free - bytes)
    this.#unchecked += bytes
    if (this.#unchecked > checkInterval) await this.refresh()
  }

  /** The most that the blocks may take when `used` bytes are taken now. */
  limit(used: number): number {
    const disk = used + this.#free
    return this.#configured === 0 ? disk : Math.min(this.#configured, disk)
  }

  /** Says why nothing more fits. */
  reason(used: number): string {
    const limit = this.limit(used)
    return limit === this.#configured
      ? `${used} of ${limit} bytes are used`
      : `${used} bytes are used and the disk of ${this.#folder} has no more room`
  }
}
