/** A set of row ids, one bit each. Row ids are dense from 1 on, so that ten million of them take 1.25 MB. */
import type { KeyRowId } from './tables.ts'

/** Bytes of a piece; only pieces with a bit in them take memory. */
const pieceBytes = 8192
const pieceBits = pieceBytes * 8

export class RowBits {
  readonly #pieces = new Map<number, Uint8Array>()

  add(id: KeyRowId): void {
    const piece = this.#pieceOf(id)
    const bit = id % pieceBits
    piece[bit >> 3]! |= 1 << (bit & 7)
  }

  has(id: KeyRowId): boolean {
    const bit = id % pieceBits
    const byte = this.#pieces.get(Math.floor(id / pieceBits))?.[bit >> 3] ?? 0
    return (byte & (1 << (bit & 7))) !== 0
  }

  #pieceOf(id: KeyRowId): Uint8Array {
    const at = Math.floor(id / pieceBits)
    const known = this.#pieces.get(at)
    if (known !== undefined) return known
    const made = new Uint8Array(pieceBytes)
    this.#pieces.set(at, made)
    return made
  }
}
