/**
 * Cuts a stream of bytes into msgpack values. The RPC has no lengths, so each value is decoded as soon as its last byte is
 * here (`spec/wire.md` §6.1).
 */
import { RpcStreamError } from './errors.ts'
import { MsgpackReader, msgpackLimits, valueEnd } from './msgpack.ts'
import type { Codec } from './schema.ts'

/** The half of a libp2p stream that is read and written here; `core/network/rpc/libp2p-stream.ts` makes one. */
export interface RpcStream {
  readonly source: AsyncIterable<Uint8Array>
  /** Resolves when the bytes are taken and more may follow. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends the writing half: the other side sees the end of the stream. */
  closeWrite(): Promise<void>
  /** Resets both halves. */
  abort(error: Error): void
}

export class ValueReader {
  readonly #source: AsyncIterator<Uint8Array>
  #buffer: Uint8Array = new Uint8Array(0)
  #ended = false

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /**
   * The next value, undefined for nil. Rejects with `RpcStreamError` when the stream ends before or within it, and with
   * `MsgpackError` when it is not of the codec's form or beyond `msgpackLimits`.
   */
  async next<T>(codec: Codec<T>): Promise<T | undefined> {
    const value = await this.nextOrEnd(codec)
    if (value === ended) throw new RpcStreamError('the stream ended where a value was expected')
    return value
  }

  /** As `next`, but the end of the stream between two values is told by `ended`. */
  async nextOrEnd<T>(codec: Codec<T>): Promise<T | undefined | typeof ended> {
    for (;;) {
      const end = this.#buffer.length === 0 ? undefined : valueEnd(this.#buffer, 0)
      if (end !== undefined) return this.#take(codec, end)
      if (this.#ended || !(await this.#fill())) {
        if (this.#buffer.length === 0) return ended
        throw new RpcStreamError(`the stream ended within a value, after ${this.#buffer.length} bytes of it`)
      }
    }
  }

  /** Resolves at the end of the stream, true when it came without further bytes. */
  async drained(): Promise<boolean> {
    if (this.#buffer.length > 0) return false
    return !(await this.#fill())
  }

  #take<T>(codec: Codec<T>, end: number): T | undefined {
    const reader = new MsgpackReader(this.#buffer.subarray(0, end))
    const value = reader.takeNil() ? undefined : codec.read(reader)
    this.#buffer = this.#buffer.subarray(end)
    return value
  }

  /** False at the end of the stream. */
  async #fill(): Promise<boolean> {
    const chunk = await this.#source.next()
    if (chunk.done === true) {
      this.#ended = true
      return false
    }
    const joined = new Uint8Array(this.#buffer.length + chunk.value.length)
    // One value and what one read brought with it; values themselves are bounded by valueEnd.
    if (joined.length > msgpackLimits.valueBytes * 2) {
      throw new RpcStreamError(`more than ${msgpackLimits.valueBytes * 2} bytes wait in one stream`)
    }
    joined.set(this.#buffer)
    joined.set(chunk.value, this.#buffer.length)
    this.#buffer = joined
    return true
  }
}

export const ended = Symbol('end of stream')
