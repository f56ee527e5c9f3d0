/** JSON values of a stream of bytes in any layout: one a line, several a line, over many lines, or in one array. */

export interface JsonValue {
  text: string
  /** Where it begins, from 1. */
  line: number
}

export interface JsonValuesInit {
  /** Bytes of one value. */
  limit: number
  /** Throws; `line` is where what is wrong begins. */
  refuse: (line: number, problem: string) => never
}

const [tab, newline, carriageReturn, blank] = [9, 10, 13, 32]
const [quote, backslash, comma] = [34, 92, 44]
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125]

/** Bytes that a stream may begin with to say that it is UTF-8. */
const byteOrderMark = [0xef, 0xbb, 0xbf]

/**
 * Yields the values, each as it was written; whether it is JSON is seen when it is read. An array at the top is taken for
 * the values in it. Holds one value at a time.
 */
export async function* jsonValuesOf(
  bytes: AsyncIterable<Uint8Array>,
  init: JsonValuesInit,
): AsyncGenerator<JsonValue> {
  const scanner = new Scanner(init)
  for await (const chunk of bytes) yield* scanner.scan(chunk)
  yield* scanner.end()
}

class Scanner {
  readonly #init: JsonValuesInit
  #line = 1
  #at = 0
  /** In the array at the top, and whether a value may come next. */
  #array: 'none' | 'before value' | 'after value' = 'none'
  /** The value that is being read: what it began with, and what there is of it. */
  #kind: 'none' | 'nested' | 'bare' = 'none'
  #depth = 0
  #inText = false
  #escaped = false
  #startLine = 1
  #parts: Uint8Array[] = []
  #size = 0

  constructor(init: JsonValuesInit) {
    this.#init = init
  }

  *scan(chunk: Uint8Array): Generator<JsonValue> {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (this.#at < 3 && byte === byteOrderMark[this.#at++]) {
        start = at + 1
        continue
      }
      this.#at = 3
      if (this.#kind === 'none') {
        start = at
        this.#outside(byte)
      } else if (this.#kind === 'bare' && endsBare(byte)) {
        yield this.#take(chunk.subarray(start, at))
        start = at
        this.#outside(byte)
      }
      if (this.#kind === 'nested' && this.#closes(byte)) {
        yield this.#take(chunk.subarray(start, at + 1))
        start = at + 1
      }
      if (byte === newline) this.#line++
    }
    if (this.#kind !== 'none') this.#keep(chunk.subarray(start))
  }

  *end(): Generator<JsonValue> {
    if (this.#kind === 'nested') this.#init.refuse(this.#startLine, 'the JSON that begins here does not end')
    if (this.#kind === 'bare') yield this.#take(new Uint8Array(0))
    if (this.#array !== 'none') this.#init.refuse(this.#line, 'the list of the file does not end')
  }

  /** A byte between values: nothing, a sign of the array, or the begin of the next value. */
  #outside(byte: number): void {
    if (byte === blank || byte === newline || byte === carriageReturn || byte === tab) return
    if (byte === comma && this.#array === 'after value') {
      this.#array = 'before value'
      return
    }
    if (byte === closeBracket && this.#array !== 'none') {
      this.#array = 'none'
      return
    }
    if (byte === openBracket && this.#array === 'none') {
      this.#array = 'before value'
      return
    }
    if (this.#array === 'after value')
      this.#init.refuse(this.#line, 'a comma or the end of the list is missing')
    this.#kind = byte === openBrace || byte === openBracket ? 'nested' : 'bare'
    this.#startLine = this.#line
    this.#depth = 0
  }

  /** Whether the byte is the last one of a nested value. */
  #closes(byte: number): boolean {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false
      else if (byte === backslash) this.#escaped = true
      else if (byte === quote) this.#inText = false
      return false
    }
    if (byte === quote) this.#inText = true
    else if (byte === openBrace || byte === openBracket) this.#depth++
    else if (byte === closeBrace || byte === closeBracket) return --this.#depth === 0
    return false
  }

  #keep(piece: Uint8Array): void {
    this.#size += piece.length
    if (this.#size > this.#init.limit) {
      this.#init.refuse(this.#startLine, `longer than ${this.#init.limit} bytes`)
    }
    if (piece.length > 0) this.#parts.push(piece)
  }

  #take(last: Uint8Array): JsonValue {
    this.#keep(last)
    const text = Buffer.concat(this.#parts).toString()
    this.#parts = []
    this.#size = 0
    this.#kind = 'none'
    if (this.#array !== 'none') this.#array = 'after value'
    return { text, line: this.#startLine }
  }
}

/** What is neither an object nor a list, and no pin, ends where the next thing begins. */
function endsBare(byte: number): boolean {
  return (
    byte <= blank || byte === comma || byte === openBrace || byte === openBracket || byte === closeBracket
  )
}
