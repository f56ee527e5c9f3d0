/**
 * The msgpack dialect of the peer RPC and the metrics (`spec/wire.md` §6.3): the form from before `bin`, `str8` and
 * extension types. Strings and bytes are both untyped `raw`, so reading goes by a schema (`schema.ts`); newer forms are
 * accepted on reading. The npm packages write only the newer form and guess at types, hence this small codec of our own.
 */

export class MsgpackError extends Error {
  override readonly name = 'MsgpackError'
}

/** Bounds on what is read; a value beyond them is an error, never an allocation. */
export const msgpackLimits = {
  /** Bytes of one value: the largest block (4 MiB) with room for what surrounds it. */
  valueBytes: 8 * 1024 * 1024,
  /** Nested arrays and maps. */
  depth: 32,
  /** Parts of one value: raws, numbers, arrays and maps together. */
  parts: 1_000_000,
} as const

const utf8 = new TextEncoder()
const utf8Reader = new TextDecoder('utf-8')

export class MsgpackWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  nil(): void {
    this.#byte(0xc0)
  }

  bool(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2)
  }

  /** A signed integer, in the widths that Go picks: 128 needs 16 bits. */
  int(value: number | bigint): void {
    const n = BigInt(value)
    if (n >= 0n ? n <= 0x7fn : n >= -0x20n) this.#byte(Number(n) & 0xff)
    else if (n < 0n && n >= -0x80n) this.#tagged(0xd0, 1, (at) => this.#view.setInt8(at, Number(n)))
    else if (n >= -0x8000n && n <= 0x7fffn) this.#tagged(0xd1, 2, (at) => this.#view.setInt16(at, Number(n)))
    else if (n >= -0x80000000n && n <= 0x7fffffffn)
      this.#tagged(0xd2, 4, (at) => this.#view.setInt32(at, Number(n)))
    else this.#tagged(0xd3, 8, (at) => this.#view.setBigInt64(at, n))
  }

  uint(value: number | bigint): void {
    const n = BigInt(value)
    if (n <= 0x7fn) this.#byte(Number(n))
    else if (n <= 0xffn) this.#tagged(0xcc, 1, (at) => this.#view.setUint8(at, Number(n)))
    else if (n <= 0xffffn) this.#tagged(0xcd, 2, (at) => this.#view.setUint16(at, Number(n)))
    else if (n <= 0xffffffffn) this.#tagged(0xce, 4, (at) => this.#view.setUint32(at, Number(n)))
    else this.#tagged(0xcf, 8, (at) => this.#view.setBigUint64(at, n))
  }

  float(value: number): void {
    this.#tagged(0xcb, 8, (at) => this.#view.setFloat64(at, value))
  }

  raw(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? utf8.encode(value) : value
    this.#length(bytes.length, 32, 0xa0, 0xda)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  array(length: number): void {
    this.#length(length, 16, 0x90, 0xdc)
  }

  map(length: number): void {
    this.#length(length, 16, 0x80, 0xde)
  }

  /** A length within the first byte, or in the 16 or 32 bits after it. */
  #length(length: number, short: number, shortTag: number, longTag: number): void {
    if (length < short) this.#byte(shortTag | length)
    else if (length <= 0xffff) this.#tagged(longTag, 2, (at) => this.#view.setUint16(at, length))
    else this.#tagged(longTag + 1, 4, (at) => this.#view.setUint32(at, length))
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  #tagged(tag: number, width: number, put: (at: number) => void): void {
    this.#reserve(width + 1)
    this.#bytes[this.#at++] = tag
    put(this.#at)
    this.#at += width
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

type Token =
  | { kind: 'nil' }
  | { kind: 'bool'; value: boolean }
  | { kind: 'integer'; value: bigint }
  | { kind: 'float'; value: number }
  | { kind: 'raw'; value: Uint8Array }
  | { kind: 'array' | 'map'; length: number }

export class MsgpackReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number

  /** Reads from `at` on. Everything it throws is a `MsgpackError`. */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }

  get position(): number {
    return this.#at
  }

  /** Consumes a nil if one is next. */
  takeNil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false
    this.#at++
    return true
  }

  bool(): boolean {
    const token = this.#token()
    if (token.kind === 'bool') return token.value
    throw this.#unexpected('a boolean', token)
  }

  /** An integer in any width or sign, or a float without a fraction. */
  integer(): bigint {
    const token = this.#token()
    if (token.kind === 'integer') return token.value
    if (token.kind === 'float' && Number.isInteger(token.value)) return BigInt(token.value)
    throw this.#unexpected('an integer', token)
  }

  float(): number {
    const token = this.#token()
    if (token.kind === 'float') return token.value
    if (token.kind === 'integer') return Number(token.value)
    throw this.#unexpected('a number', token)
  }

  raw(): Uint8Array {
    const token = this.#token()
    if (token.kind === 'raw') return token.value
    throw this.#unexpected('a string or bytes', token)
  }

  text(): string {
    return utf8Reader.decode(this.raw())
  }

  arrayLength(): number {
    const token = this.#token()
    if (token.kind === 'array') return token.length
    throw this.#unexpected('a list', token)
  }

  /** The head of a map, or of the list that stands for a struct. */
  structLength(): { kind: 'array' | 'map'; length: number } {
    const token = this.#token()
    if (token.kind === 'map' || token.kind === 'array') return token
    throw this.#unexpected('a map', token)
  }

  mapLength(): number {
    const token = this.#token()
    if (token.kind === 'map') return token.length
    throw this.#unexpected('a map', token)
  }

  skip(): void {
    const end = valueEnd(this.#bytes, this.#at)
    if (end === undefined) throw new MsgpackError(`msgpack ends at byte ${this.#bytes.length} within a value`)
    this.#at = end
  }

  #token(): Token {
    const start = this.#at
    const shape = shapeAt(this.#bytes, this.#view, start)
    if (shape === undefined || start + shape.size > this.#bytes.length) {
      throw new MsgpackError(`msgpack ends at byte ${this.#bytes.length} within a value`)
    }
    this.#at += shape.size
    switch (shape.kind) {
      case 'nil':
        return { kind: 'nil' }
      case 'bool':
        return { kind: 'bool', value: this.#bytes[start] === 0xc3 }
      case 'integer':
        return { kind: 'integer', value: integerAt(this.#view, start) }
      case 'float':
        return {
          kind: 'float',
          value: shape.size === 5 ? this.#view.getFloat32(start + 1) : this.#view.getFloat64(start + 1),
        }
      case 'raw':
        return { kind: 'raw', value: this.#bytes.subarray(start + shape.head, start + shape.size) }
      default:
        // Each member takes at least one byte, so a length beyond what is left is a lie.
        if (shape.count > this.#bytes.length - this.#at) {
          throw new MsgpackError(
            `msgpack claims ${shape.count} members at byte ${start}, more than bytes are left`,
          )
        }
        return { kind: shape.kind, length: shape.kind === 'map' ? shape.count / 2 : shape.count }
    }
  }

  #unexpected(wanted: string, got: Token): MsgpackError {
    return new MsgpackError(`msgpack has ${got.kind} before byte ${this.#at} where ${wanted} is expected`)
  }
}

interface Shape {
  kind: Token['kind']
  /** Bytes before the content of a raw. */
  head: number
  /** Bytes of the token: for arrays and maps their head only. */
  size: number
  /** Values inside: twice the pairs of a map. */
  count: number
}

/** What starts at `at`; undefined when its head is not all there. Throws on tags that the dialect does not have. */
function shapeAt(bytes: Uint8Array, view: DataView, at: number): Shape | undefined {
  const tag = bytes[at]
  if (tag === undefined) return undefined
  const plain = (kind: Token['kind'], size: number): Shape => ({ kind, head: 1, size, count: 0 })
  const sized = (kind: Token['kind'], width: 1 | 2 | 4, extra = 0): Shape | undefined => {
    if (at + 1 + width > bytes.length) return undefined
    const length =
      width === 1 ? view.getUint8(at + 1) : width === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1)
    const head = 1 + width + extra
    if (kind === 'raw') return { kind, head, size: head + length, count: 0 }
    return { kind, head, size: head, count: kind === 'map' ? length * 2 : length }
  }
  if (tag <= 0x7f || tag >= 0xe0) return plain('integer', 1)
  if (tag <= 0x8f) return { kind: 'map', head: 1, size: 1, count: (tag & 0x0f) * 2 }
  if (tag <= 0x9f) return { kind: 'array', head: 1, size: 1, count: tag & 0x0f }
  if (tag <= 0xbf) return { kind: 'raw', head: 1, size: 1 + (tag & 0x1f), count: 0 }
  switch (tag) {
    case 0xc0:
      return plain('nil', 1)
    case 0xc2:
    case 0xc3:
      return plain('bool', 1)
    case 0xc4:
    case 0xd9:
      return sized('raw', 1)
    case 0xc5:
    case 0xda:
      return sized('raw', 2)
    case 0xc6:
    case 0xdb:
      return sized('raw', 4)
    // Extensions are only times (type −1): the payload after the type byte is read like a raw.
    case 0xc7:
      return sized('raw', 1, 1)
    case 0xd6:
      return { kind: 'raw', head: 2, size: 6, count: 0 }
    case 0xd7:
      return { kind: 'raw', head: 2, size: 10, count: 0 }
    case 0xca:
      return plain('float', 5)
    case 0xcb:
      return plain('float', 9)
    case 0xcc:
    case 0xd0:
      return plain('integer', 2)
    case 0xcd:
    case 0xd1:
      return plain('integer', 3)
    case 0xce:
    case 0xd2:
      return plain('integer', 5)
    case 0xcf:
    case 0xd3:
      return plain('integer', 9)
    case 0xdc:
      return sized('array', 2)
    case 0xdd:
      return sized('array', 4)
    case 0xde:
      return sized('map', 2)
    case 0xdf:
      return sized('map', 4)
    default:
      throw new MsgpackError(`msgpack has the unknown tag 0x${tag.toString(16)} at byte ${at}`)
  }
}

function integerAt(view: DataView, at: number): bigint {
  const tag = view.getUint8(at)
  switch (tag) {
    case 0xcc:
      return BigInt(view.getUint8(at + 1))
    case 0xcd:
      return BigInt(view.getUint16(at + 1))
    case 0xce:
      return BigInt(view.getUint32(at + 1))
    case 0xcf:
      return view.getBigUint64(at + 1)
    case 0xd0:
      return BigInt(view.getInt8(at + 1))
    case 0xd1:
      return BigInt(view.getInt16(at + 1))
    case 0xd2:
      return BigInt(view.getInt32(at + 1))
    case 0xd3:
      return view.getBigInt64(at + 1)
    default:
      return BigInt(view.getInt8(at))
  }
}

/**
 * Where the value that starts at `from` ends; undefined when it is not all there yet. Throws `MsgpackError` beyond
 * `msgpackLimits`.
 */
export function valueEnd(bytes: Uint8Array, from: number): number | undefined {
  return new ValueScan(from).end(bytes)
}

/**
 * Finds the end of a value that comes bit by bit. Streams have no lengths, so this is how a reader knows that it may decode;
 * what was looked at is not looked at again, however small the bits are.
 */
export class ValueScan {
  readonly #from: number
  #at: number
  #parts = 0
  /** Values that are still to come in each array and map that is open. */
  readonly #open: number[] = [1]

  constructor(from = 0) {
    this.#from = from
    this.#at = from
  }

  /** `bytes`: those of the last call and what came since. As `valueEnd`. */
  end(bytes: Uint8Array): number | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const open = this.#open
    while (open.length > 0) {
      const left = open[open.length - 1]!
      if (left === 0) {
        open.pop()
        continue
      }
      const shape = shapeAt(bytes, view, this.#at)
      if (shape === undefined) return undefined
      open[open.length - 1] = left - 1
      this.#at += shape.size
      this.#check(shape)
      if (shape.count > 0) open.push(shape.count)
      if (open.length > msgpackLimits.depth) {
        throw new MsgpackError(`a msgpack value is nested deeper than ${msgpackLimits.depth}`)
      }
    }
    return this.#at > bytes.length ? undefined : this.#at
  }

  #check({ count }: Shape): void {
    if (this.#at - this.#from > msgpackLimits.valueBytes) {
      throw new MsgpackError(`a msgpack value is larger than ${msgpackLimits.valueBytes} bytes`)
    }
    this.#parts += 1
    if (this.#parts + count > msgpackLimits.parts) {
      throw new MsgpackError(`a msgpack value has more than ${msgpackLimits.parts} parts`)
    }
  }
}
