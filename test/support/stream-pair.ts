/** Two ends of a stream in memory. */
import type { RpcStream } from '../../core/network/rpc/value-reader.ts'

export interface StreamEnd extends RpcStream {
  /** Why it was aborted here; undefined when it was not. */
  aborted: Error | undefined
}

export interface StreamPairInit {
  /** Pieces of at most this many bytes arrive. */
  piece?: number
  /** The connection is lost after this many bytes, both directions together. */
  cutAfter?: number
}

export function streamPair({
  piece = 65_536,
  cutAfter = Number.POSITIVE_INFINITY,
}: StreamPairInit = {}): [StreamEnd, StreamEnd] {
  const [a, b] = [new Pipe(piece), new Pipe(piece)]
  let left = cutAfter
  const end = (incoming: Pipe, outgoing: Pipe): StreamEnd => {
    const self: StreamEnd = {
      aborted: undefined,
      source: incoming.read(),
      async write(bytes) {
        left -= bytes.length
        if (left < 0) {
          for (const pipe of [a, b]) pipe.fail(new Error('the connection is lost'))
        }
        outgoing.write(bytes)
        await outgoing.drained()
      },
      async closeWrite() {
        outgoing.end()
      },
      abort(error) {
        self.aborted ??= error
        for (const pipe of [a, b]) pipe.fail(error)
      },
    }
    return self
  }
  return [end(a, b), end(b, a)]
}

/** Bytes that may wait for a reader before the writer has to. */
const room = 256 * 1024

class Pipe {
  readonly #piece: number
  #waiting: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #failure: Error | undefined
  #changed = Promise.withResolvers<void>()

  constructor(piece: number) {
    this.#piece = piece
  }

  write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    for (let at = 0; at < bytes.length; at += this.#piece) {
      this.#waiting.push(bytes.slice(at, at + this.#piece))
    }
    this.#bytes += bytes.length
    this.#change()
  }

  async drained(): Promise<void> {
    while (this.#bytes > room && this.#failure === undefined) await this.#changed.promise
    if (this.#failure !== undefined) throw this.#failure
  }

  end(): void {
    this.#ended = true
    this.#change()
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#change()
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const chunk = this.#waiting.shift()
      if (chunk !== undefined) {
        this.#bytes -= chunk.length
        this.#change()
        yield chunk
      } else if (this.#ended) return
      else await this.#changed.promise
    }
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
