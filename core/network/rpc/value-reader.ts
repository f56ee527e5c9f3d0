/**
 * Cuts a stream of bytes into msgpack values. The RPC has no lengths, so each value is decoded as soon as its last byte is
 * here (`spec/wire.md` §6.1).
 */
import type { Scheduler } from '../../runtime/ports.ts'
import { RpcStreamError } from './errors.ts'
import { MsgpackReader, msgpackLimits, ValueScan } from './msgpack.ts'
import type { Codec } from './schema.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** The half of a libp2p stream that is read and written here; `core/network/rpc/libp2p-stream.ts` makes one. */
export interface RpcStream {
  readonly source: AsyncIterable<Uint8Array>
  /** Resolves when the bytes are taken and more may follow. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends the writing half: the other side sees the end of the stream. */
  closeWrite(): Promise<void>
  /** Resets both halves. */
  abort(error: Error): void
  /** Calls back when both halves are closed, as when the other side has gone. */
  onClose?(listener: () => void): void
}

/** What a reader holds the other side to; without it, whoever reads has a deadline of its own. */
export interface ReadingRules {
  room: WaitingRoom
  scheduler: Scheduler
  /** The other side stood still within a value, or before one that was due. */
  stalled(): void
}

/** Milliseconds without a byte. */
const stallTimeout = 60_000

const smallestBuffer = 1_024

export class ValueReader implements Disposable {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #rules: ReadingRules | undefined
  /** What came and was not taken yet is from `#start` to `#end`; before it is what values that were taken look at. */
  #buffer = new Uint8Array(0)
  #start = 0
  #end = 0
  #scan = new ValueScan()
  #ended = false
  #disposed = false

  constructor(source: AsyncIterable<Uint8Array>, rules?: ReadingRules) {
    this.#source = source[Symbol.asyncIterator]()
    this.#rules = rules
  }

  /**
   * The next value, undefined for nil. Rejects with `RpcStreamError` when the stream ends before or within it, and with
   * `MsgpackError` when it is not of the codec's form or beyond `msgpackLimits`.
   */
  async next<T>(codec: Codec<T>): Promise<T | undefined> {
    const value = await this.#read(codec, true)
    if (value === ended) throw new RpcStreamError('the stream ended where a value was expected')
    return value
  }

  /** As `next`, but the end of the stream between two values is told by `ended`, and the value may be long in coming. */
  async nextOrEnd<T>(codec: Codec<T>): Promise<T | undefined | typeof ended> {
    return await this.#read(codec, false)
  }

  /** Resolves at the end of the stream, true when it came without further bytes. */
  async drained(): Promise<boolean> {
    if (this.#waiting > 0) return false
    return !(await this.#fill())
  }

  /** Gives up the room of what was not read. */
  [Symbol.dispose](): void {
    if (!this.#disposed) this.#rules?.room.give(this.#waiting)
    this.#disposed = true
  }

  get #waiting(): number {
    return this.#end - this.#start
  }

  async #read<T>(codec: Codec<T>, isDue: boolean): Promise<T | undefined | typeof ended> {
    for (;;) {
      const waiting = this.#buffer.subarray(this.#start, this.#end)
      const size = waiting.length === 0 ? undefined : this.#scan.end(waiting)
      if (size !== undefined) return this.#take(codec, waiting.subarray(0, size))
      const inTime = isDue || waiting.length > 0
      if (await (inTime ? this.#fillInTime() : this.#fill())) continue
      if (waiting.length === 0) return ended
      throw new RpcStreamError(`the stream ended within a value, after ${waiting.length} bytes of it`)
    }
  }

  #take<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
    this.#start += bytes.length
    this.#scan = new ValueScan()
    if (!this.#disposed) this.#rules?.room.give(bytes.length)
    const reader = new MsgpackReader(bytes)
    return reader.takeNil() ? undefined : codec.read(reader)
  }

  async #fillInTime(): Promise<boolean> {
    const timer = this.#rules?.scheduler.after(stallTimeout, () => this.#rules?.stalled())
    try {
      return await this.#fill()
    } finally {
      timer?.cancel()
    }
  }

  /** False at the end of the stream. */
  async #fill(): Promise<boolean> {
    if (this.#ended) return false
    const { done, value: chunk } = await this.#source.next()
    if (done === true) {
      this.#ended = true
      return false
    }
    const waiting = this.#waiting + chunk.length
    // One value and what one read brought with it; values themselves are bounded by their scan.
    if (waiting > msgpackLimits.valueBytes * 2) {
      throw new RpcStreamError(`more than ${msgpackLimits.valueBytes * 2} bytes wait in one stream`)
    }
    if (!this.#disposed) this.#rules?.room.take(chunk.length)
    if (this.#end + chunk.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(waiting, this.#waiting * 2, smallestBuffer))
      larger.set(this.#buffer.subarray(this.#start, this.#end))
      this.#end -= this.#start
      this.#start = 0
      this.#buffer = larger
    }
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
    return true
  }
}

export const ended = Symbol('end of stream')
