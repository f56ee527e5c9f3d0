/**
 * Reads the answers on one HTTP/1.1 connection out of its bytes (RFC 9112), with the trailers that Kubo tells errors of
 * streamed answers in. Bodies are passed on as they come.
 */

/** Bytes of the head of an answer, and of its trailers. */
const maxHead = 64 * 1024

/** Names are in small letters; values that come several times are joined by commas. */
export type HttpFields = ReadonlyMap<string, string>

export type ResponsePart =
  | { kind: 'head'; status: number }
  | { kind: 'data'; bytes: Uint8Array }
  /** The answer is complete. `isLast`: the connection takes no other request. */
  | { kind: 'end'; trailers: HttpFields; isLast: boolean }

/** What came is not HTTP as this reader understands it. */
export class HttpSyntaxError extends Error {
  override readonly name = 'HttpSyntaxError'
}

/** What is expected next. */
type Expected =
  | { kind: 'head' }
  | { kind: 'body'; left: number }
  | { kind: 'chunk size' }
  | { kind: 'chunk'; left: number }
  | { kind: 'end of chunk' }
  | { kind: 'trailers' }
  | { kind: 'all until the connection ends' }

const noFields: HttpFields = new Map()

export class ResponseReader {
  #expected: Expected = { kind: 'head' }
  /** The beginning of a head or line whose end has not come. */
  #rest: Buffer = Buffer.alloc(0)
  #isLast = false

  /** True between two answers. */
  get isIdle(): boolean {
    return this.#expected.kind === 'head' && this.#rest.length === 0
  }

  /** What the bytes say, in order. Throws `HttpSyntaxError`. */
  push(bytes: Uint8Array): ResponsePart[] {
    const parts: ResponsePart[] = []
    let input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (this.#rest.length > 0) input = Buffer.concat([this.#rest, input])
    let at = 0
    while (at < input.length) {
      const next = this.#take(input, at, parts)
      if (next === undefined) break
      at = next
    }
    this.#rest = at === input.length ? input.subarray(0, 0) : input.subarray(at)
    if (this.#rest.length > maxHead) throw new HttpSyntaxError(`a head of more than ${maxHead} bytes`)
    return parts
  }

  /** True when the answer at hand is complete once the connection ends. */
  get endsWithConnection(): boolean {
    return this.#expected.kind === 'all until the connection ends'
  }

  /** Takes one thing from `at` on; undefined when it has not all come. Returns where the next one begins. */
  #take(input: Buffer, at: number, parts: ResponsePart[]): number | undefined {
    const expected = this.#expected
    switch (expected.kind) {
      case 'head':
        return this.#takeHead(input, at, parts)
      case 'body':
      case 'chunk': {
        const end = Math.min(input.length, at + expected.left)
        parts.push({ kind: 'data', bytes: input.subarray(at, end) })
        expected.left -= end - at
        if (expected.left === 0 && expected.kind === 'chunk') this.#expected = { kind: 'end of chunk' }
        else if (expected.left === 0) this.#complete(noFields, parts)
        return end
      }
      case 'chunk size':
        return this.#takeLine(input, at, (line) => {
          if (!/^[0-9a-f]{1,12}[ \t]*(;|$)/i.test(line))
            throw new HttpSyntaxError(`chunk size ${quote(line)}`)
          const left = Number.parseInt(line, 16)
          this.#expected = left === 0 ? { kind: 'trailers' } : { kind: 'chunk', left }
        })
      case 'end of chunk':
        return this.#takeLine(input, at, (line) => {
          if (line !== '') throw new HttpSyntaxError('a chunk that is longer than its size')
          this.#expected = { kind: 'chunk size' }
        })
      case 'trailers':
        return this.#takeTrailers(input, at, parts)
      case 'all until the connection ends':
        parts.push({ kind: 'data', bytes: input.subarray(at) })
        return input.length
    }
  }

  #takeHead(input: Buffer, at: number, parts: ResponsePart[]): number | undefined {
    const end = input.indexOf('\r\n\r\n', at)
    // What is no answer at all may never have an end.
    if (!couldBegin(input, at)) throw new HttpSyntaxError(quote(input.toString('latin1', at, at + 100)))
    if (end < 0) return undefined
    const [first = '', ...lines] = input.toString('utf8', at, end).split('\r\n')
    const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? []
    if (code === undefined) throw new HttpSyntaxError(quote(first))
    const status = Number(code)
    // An answer that only says that another one follows.
    if (status < 200) return end + 4
    const fields = readFields(lines)
    this.#isLast = minor === '0' || /\bclose\b/i.test(fields.get('connection') ?? '')
    parts.push({ kind: 'head', status })
    this.#expectBody(status, fields, parts)
    return end + 4
  }

  #expectBody(status: number, fields: HttpFields, parts: ResponsePart[]): void {
    const coding = fields.get('transfer-encoding')?.toLowerCase()
    const length = fields.get('content-length')
    if (status === 204 || status === 304) this.#complete(noFields, parts)
    else if (coding === 'chunked') this.#expected = { kind: 'chunk size' }
    else if (coding !== undefined) throw new HttpSyntaxError(`transfer encoding ${quote(coding)}`)
    else if (length === undefined) {
      this.#isLast = true
      this.#expected = { kind: 'all until the connection ends' }
    } else if (!/^\d{1,15}$/.test(length)) throw new HttpSyntaxError(`content length ${quote(length)}`)
    else if (Number(length) === 0) this.#complete(noFields, parts)
    else this.#expected = { kind: 'body', left: Number(length) }
  }

  #takeTrailers(input: Buffer, at: number, parts: ResponsePart[]): number | undefined {
    if (input[at] === 0x0d && input[at + 1] === 0x0a) {
      this.#complete(noFields, parts)
      return at + 2
    }
    const end = input.indexOf('\r\n\r\n', at)
    if (end < 0) return undefined
    this.#complete(readFields(input.toString('utf8', at, end).split('\r\n')), parts)
    return end + 4
  }

  #complete(trailers: HttpFields, parts: ResponsePart[]): void {
    parts.push({ kind: 'end', trailers, isLast: this.#isLast })
    this.#expected = { kind: 'head' }
  }

  #takeLine(input: Buffer, at: number, take: (line: string) => void): number | undefined {
    const end = input.indexOf('\r\n', at)
    if (end < 0) return undefined
    take(input.toString('latin1', at, end))
    return end + 2
  }
}

const beginning = Buffer.from('HTTP/1.')

function couldBegin(input: Buffer, at: number): boolean {
  const length = Math.min(beginning.length, input.length - at)
  return beginning.compare(input, at, at + length, 0, length) === 0
}

function readFields(lines: string[]): HttpFields {
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new HttpSyntaxError(`header line ${quote(line)}`)
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return fields
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
