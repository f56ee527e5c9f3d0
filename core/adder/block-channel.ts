/** A bounded queue of blocks between the one who makes them and one destination. */
import type { IpfsBlock } from '../runtime/ipfs.ts'

/** Bytes that may wait for one destination. A single block may be larger. */
export const channelBytes = 8 * 1024 * 1024
/** Blocks that may wait for one destination. */
export const channelBlocks = 1024

export class BlockChannel implements AsyncIterable<IpfsBlock> {
  #blocks: IpfsBlock[] = []
  #bytes = 0
  #ended = false
  #failure: unknown
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  get ended(): boolean {
    return this.#ended
  }

  /** Resolves when there is room for more; at once when the channel is closed, whose reader then says why. */
  async push(block: IpfsBlock): Promise<void> {
    if (this.#ended) return
    this.#blocks.push(block)
    this.#bytes += block.bytes.length
    this.#wakeReader?.()
    while (!this.#ended && this.#isFull()) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
  }

  /** No more blocks come; those that wait are still read. */
  end(): void {
    this.#ended = true
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }

  /** Drops what waits; the reader gets `reason`. */
  abort(reason: unknown): void {
    this.#failure = reason
    this.#blocks = []
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IpfsBlock> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const block = this.#blocks.shift()
      if (block) {
        this.#bytes -= block.bytes.length
        if (!this.#isFull()) this.#wakeWriter?.()
        yield block
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve
        })
      }
    }
  }

  #isFull(): boolean {
    return this.#bytes >= channelBytes || this.#blocks.length >= channelBlocks
  }
}
