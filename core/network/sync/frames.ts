/** Frames on a stream: a varint with the length, then as many bytes. Both directions give up on a side that stands still. */
import { varintSize } from '../../pin/protobuf.ts'
import type { Scheduler } from '../../runtime/ports.ts'
import { SyncError } from '../errors.ts'
import type { RpcStream as ByteStream } from '../rpc/value-reader.ts'
import { maxFrameBytes } from './protocol.ts'

export class FrameStream {
  readonly #stream: ByteStream
  readonly #source: AsyncIterator<Uint8Array>
  readonly #scheduler: Scheduler
  #chunks: Uint8Array[] = []
  #waiting = 0

  constructor(stream: ByteStream, scheduler: Scheduler) {
    this.#stream = stream
    this.#source = stream.source[Symbol.asyncIterator]()
    this.#scheduler = scheduler
  }

  /** The next frame; undefined at the end of the stream. Rejects with `SyncError` when it does not come within `ms`. */
  async read(ms: number): Promise<Uint8Array | undefined> {
    return await this.#within(ms, async () => {
      let size: FrameSize | undefined
      while ((size = this.#frameSize()) === undefined) {
        if (await this.#fill()) continue
        if (this.#waiting === 0) return undefined
        throw new SyncError('the stream ended within a frame')
      }
      while (this.#waiting < size.prefix + size.body) {
        if (!(await this.#fill())) throw new SyncError('the stream ended within a frame')
      }
      return this.#take(size.prefix + size.body).subarray(size.prefix)
    })
  }

  /** Rejects with `SyncError` when the other side does not take it within `ms`. */
  async write(message: Uint8Array, ms: number): Promise<void> {
    await this.#within(ms, () => this.#stream.write(framed(message)))
  }

  async closeWrite(): Promise<void> {
    await this.#stream.closeWrite()
  }

  abort(error: Error): void {
    this.#stream.abort(error)
  }

  async #within<T>(ms: number, run: () => Promise<T>): Promise<T> {
    const stall = new SyncError(`the other peer stood still for ${ms / 1000} s`)
    const stalled = Promise.withResolvers<never>()
    const timer = this.#scheduler.after(ms, () => {
      this.#stream.abort(stall)
      stalled.reject(stall)
    })
    try {
      return await Promise.race([run(), stalled.promise])
    } finally {
      timer.cancel()
    }
  }

  async #fill(): Promise<boolean> {
    const { done, value } = await this.#source.next()
    if (done === true) return false
    this.#chunks.push(value)
    this.#waiting += value.length
    return true
  }

  /** Undefined until the whole length is here. */
  #frameSize(): FrameSize | undefined {
    let body = 0
    let prefix = 0
    for (const chunk of this.#chunks) {
      for (const byte of chunk) {
        body += (byte & 0x7f) * 128 ** prefix
        prefix++
        if (body > maxFrameBytes || prefix > 4)
          throw new SyncError(`a frame of more than ${maxFrameBytes} bytes`)
        if (byte < 0x80) return { prefix, body }
      }
    }
    return undefined
  }

  #take(count: number): Uint8Array {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const rest = all.subarray(count)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#waiting = rest.length
    return all.subarray(0, count)
  }
}

interface FrameSize {
  /** Bytes of the length itself. */
  prefix: number
  body: number
}

function framed(message: Uint8Array): Uint8Array {
  const prefix = varintSize(message.length)
  const frame = new Uint8Array(prefix + message.length)
  let rest = message.length
  for (let at = 0; at < prefix; at++) {
    frame[at] = (rest & 0x7f) | (at < prefix - 1 ? 0x80 : 0)
    rest >>>= 7
  }
  frame.set(message, prefix)
  return frame
}
