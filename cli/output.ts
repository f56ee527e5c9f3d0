/** stdout for data: gathers small writes, waits for a slow reader, and notices when the reader has gone. */
import { OutputClosedError } from './errors.ts'

/** Characters that are gathered before they are written. */
const gathered = 64 * 1024

export interface OutputStream {
  write(text: string, done: (error?: Error | null) => void): unknown
}

export class Output {
  readonly #stream: OutputStream
  #waiting = ''
  #scheduled = false
  #failure: Error | undefined
  /** Writes follow each other; this is the end of the last. */
  #last: Promise<void> = Promise.resolve()

  constructor(stream: OutputStream) {
    this.#stream = stream
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

  #send(text: string): Promise<void> {
    if (this.#failure) return Promise.resolve()
    return new Promise((resolve) => {
      this.#stream.write(text, (error) => {
        if (error) this.#failure = isClosed(error) ? new OutputClosedError() : error
        resolve()
      })
    })
  }

  /** For errors that the stream tells as events. */
  fail(error: Error): void {
    this.#failure ??= isClosed(error) ? new OutputClosedError() : error
  }
}

function isClosed(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED'
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
