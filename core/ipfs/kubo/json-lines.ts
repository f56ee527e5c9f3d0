/** Cuts a byte stream into lines of bounded length, and lines into JSON values (`application/x-ndjson`, as Kubo streams). */

const newline = 10

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError'
  constructor(limit: number) {
    super(`a line is longer than ${limit} bytes`)
  }
}

export class LineSplitter {
  readonly #limit: number
  #rest: Uint8Array[] = []
  #restLength = 0

  /** `limit`: bytes of a line without its newline. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The lines that `chunk` completes, blank ones left out. Throws `LineTooLongError`. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, at))
      this.#complete(lines)
      from = at + 1
    }
    this.#keep(chunk.subarray(from))
    return lines
  }

  /** What was left after the last newline: at most one line. */
  end(): string[] {
    const lines: string[] = []
    this.#complete(lines)
    return lines
  }

  #keep(bytes: Uint8Array): void {
    this.#restLength += bytes.length
    if (this.#restLength > this.#limit) throw new LineTooLongError(this.#limit)
    if (bytes.length > 0) this.#rest.push(bytes)
  }

  #complete(lines: string[]): void {
    const bytes = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest)
    this.#rest = []
    this.#restLength = 0
    const line = decoder.decode(bytes).trim()
    if (line !== '') lines.push(line)
  }
}

const decoder = new TextDecoder()
