/** stdout for data: gathers small writes, waits for a slow reader, and notices when the reader has gone. */
import { write } from 'node:fs'
import { OutputClosedError } from './errors.ts'

/** Characters that are gathered before they are written. */
const gathered = 64 * 1024

/** Resolves when all of `bytes` is written. */
export type Writer = (bytes: Uint8Array) => Promise<void>

/** Writes to a file descriptor, such as stdout: `process.stdout` takes longer to set up than most commands run. */
export function descriptorWriter(descriptor: number): Writer {
  return async (bytes) => {
    for (let from = 0; from < bytes.length; ) from += await writeSome(descriptor, bytes.subarray(from))
  }
}

/** Milliseconds until a pipe that is full, and does not block, is tried again. */
const fullPipePause = 5

function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => resolve(0), fullPipePause)
      else if (error) reject(error)
      else resolve(written)
    })
  })
}

export class Output {
  readonly #writer: Writer
  #waiting = ''
  #scheduled = false
  #failure: Error | undefined
  /** Writes follow each other; this is the end of the last. */
  #last: Promise<void> = Promise.resolve()

  constructor(writer: Writer) {
    this.#writer = writer
  }

  /** Resolves when there is room for more. Rejects with `OutputClosedError` when nobody reads any more. */
  async write(text: string): Promise<void> {
    if (this.#failure) throw this.#failure
    this.#waiting += text
    if (this.#waiting.length >= gathered) return await this.flush()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      // A failure is kept and thrown by the next write or flush.
      this.flush().catch(() => undefined)
    })
  }

  /** Resolves when all is written. */
  async flush(): Promise<void> {
    const text = this.#waiting
    this.#waiting = ''
    if (text !== '') this.#last = this.#last.then(() => this.#send(text))
    await this.#last
    if (this.#failure) throw this.#failure
  }

  async #send(text: string): Promise<void> {
    if (this.#failure) return
    try {
      await this.#writer(Buffer.from(text))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.#failure = code === 'EPIPE' ? new OutputClosedError() : (error as Error)
    }
  }
}

/** JSON as the original's client prints it: four spaces, the characters that HTML gives a meaning escaped. */
export function printedJson(object: unknown): string {
  const text = JSON.stringify(
    object,
    (_key, value) => (typeof value === 'bigint' ? rawNumber(value) : value),
    4,
  )
  return text.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function rawNumber(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString())
}
