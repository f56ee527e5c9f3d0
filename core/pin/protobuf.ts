/**
 * Reading and writing of protobuf fields, as Go reads and writes them.
 *
 * A generated codec does not fit here: it hides unknown fields (the broadcast format must see them, `spec/wire.md` §3.4),
 * takes a field whatever its wire type, and turns strings that are no UTF-8 into others, where Go refuses the message
 * or treats the field as unknown. Two peers would then make different things of one block.
 */
import { ProtobufError } from './errors.ts'

export const WIRE_VARINT = 0
const WIRE_FIXED64 = 1
export const WIRE_BYTES = 2
const WIRE_GROUP = 3
const WIRE_GROUP_END = 4
const WIRE_FIXED32 = 5

const MAX_FIELD = 2 ** 29 - 1
const MAX_GROUP_DEPTH = 100

const utf8Reader = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8Writer = new TextEncoder()

/**
 * Walks over the fields of one message: `next()` moves to a field, then exactly one of the value methods reads or
 * `skip()` passes it. All methods throw `ProtobufError`.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  #position = 0
  /** Number of the field that `next()` moved to. */
  field = 0
  #wire = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#position === this.#bytes.length) return false
    this.#tag()
    return true
  }

  /** True when the field at hand is `field` in this wire type. Another wire type makes it an unknown field. */
  is(field: number, wire: number): boolean {
    return this.field === field && this.#wire === wire
  }

  uint64(): bigint {
    let low = 0
    let unit = 1
    for (let count = 0; count < 7; count++) {
      const byte = this.#byte()
      low += (byte & 0x7f) * unit
      if (byte < 0x80) return BigInt(low)
      unit *= 128
    }
    return this.#uint64Beyond(BigInt(low))
  }

  /** An enum or int32: the low 32 bits, signed. */
  int32(): number {
    return this.#low32() | 0
  }

  /** A zigzag int32. */
  sint32(): number {
    const value = this.#low32()
    return (value >>> 1) ^ -(value & 1)
  }

  /** A view into the message. */
  bytes(): Uint8Array {
    const length = this.#length()
    const start = this.#position
    this.#position = start + length
    return this.#bytes.subarray(start, this.#position)
  }

  string(): string {
    const bytes = this.bytes()
    try {
      return utf8Reader.decode(bytes)
    } catch {
      throw new ProtobufError(`field ${this.field} is a string that is not UTF-8`)
    }
  }

  /** Passes over the value of the field. */
  skip(): void {
    const open: number[] = []
    if (this.#wire === WIRE_GROUP) open.push(this.field)
    else this.#skipValue()
    while (open.length > 0) {
      this.#tag()
      if (this.#wire === WIRE_GROUP) {
        if (open.push(this.field) > MAX_GROUP_DEPTH) throw new ProtobufError('groups nested too deep')
      } else if (this.#wire === WIRE_GROUP_END) {
        if (open.pop() !== this.field) throw new ProtobufError('end of a group that was not begun')
      } else {
        this.#skipValue()
      }
    }
  }

  #skipValue(): void {
    switch (this.#wire) {
      case WIRE_VARINT:
        this.uint64()
        break
      case WIRE_FIXED64:
        this.#advance(8)
        break
      case WIRE_BYTES:
        this.#advance(this.#length())
        break
      case WIRE_FIXED32:
        this.#advance(4)
        break
      default:
        throw new ProtobufError(`field ${this.field} has the unknown wire type ${this.#wire}`)
    }
  }

  #tag(): void {
    const tag = this.#smallVarint()
    this.field = Math.floor(tag / 8)
    this.#wire = tag % 8
    if (this.field < 1 || this.field > MAX_FIELD) throw new ProtobufError('field number out of range')
  }

  #length(): number {
    const length = this.#smallVarint()
    if (length > this.#bytes.length - this.#position) throw new ProtobufError('the message is cut off')
    return length
  }

  #advance(count: number): void {
    if (count > this.#bytes.length - this.#position) throw new ProtobufError('the message is cut off')
    this.#position += count
  }

  /** A tag or a length. Above 2^53 it is inexact, and out of every range that it can have. */
  #smallVarint(): number {
    let value = 0
    let unit = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte()
      if (count === 9 && byte > 1) break
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
      unit *= 128
    }
    throw new ProtobufError('varint of more than 64 bits')
  }

  /** The bytes of a varint from the eighth on. */
  #uint64Beyond(low: bigint): bigint {
    let value = low
    for (const shift of [49n, 56n, 63n]) {
      const byte = this.#byte()
      if (shift === 63n && byte > 1) break
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new ProtobufError('varint of more than 64 bits')
  }

  #low32(): number {
    let value = 0
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte()
      if (count === 9 && byte > 1) break
      if (count < 5) value |= (byte & 0x7f) << (7 * count)
      if (byte < 0x80) return value >>> 0
    }
    throw new ProtobufError('varint of more than 64 bits')
  }

  #byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw new ProtobufError('the message is cut off')
    this.#position++
    return byte
  }
}

/**
 * Writes fields in the order of the calls. Fields with a zero value are left out, as proto3 says; `message` writes its
 * field always.
 */
export class ProtobufWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  /** `capacity`: bytes to begin with; the writer grows by itself. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** The bytes written so far; a view that later writes may change. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  uint64(field: number, value: bigint): void {
    if (value === 0n) return
    this.#varint(field * 8 + WIRE_VARINT)
    let rest = BigInt.asUintN(64, value)
    while (rest >= 0x80n) {
      this.#byte(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.#byte(Number(rest))
  }

  uint32(field: number, value: number): void {
    if (value === 0) return
    this.#varint(field * 8 + WIRE_VARINT)
    this.#varint(value)
  }

  sint32(field: number, value: number): void {
    this.uint32(field, ((value << 1) ^ (value >> 31)) >>> 0)
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.entry(field, value)
  }

  /** One entry of a repeated field: written also when empty. */
  entry(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + WIRE_BYTES)
    this.#varint(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** Halves of surrogate pairs are replaced: as bytes they would make Go refuse the whole message. */
  string(field: number, value: string): void {
    if (value !== '') this.entry(field, utf8Writer.encode(value))
  }

  /** A nested message: the fields that `write` writes. */
  message(field: number, write: (writer: this) => void): void {
    this.#varint(field * 8 + WIRE_BYTES)
    const lengthAt = this.#length
    this.#byte(0)
    write(this)
    const length = this.#length - lengthAt - 1
    const extra = varintSize(length) - 1
    if (extra > 0) {
      this.#reserve(extra)
      this.#bytes.copyWithin(lengthAt + 1 + extra, lengthAt + 1, this.#length)
    }
    this.#length = lengthAt
    this.#varint(length)
    this.#length += length
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.#byte(rest)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** Bytes that `value` takes as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
