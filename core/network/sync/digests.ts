/** Names of blocks, packed: 32 bytes each, so that a million of them take 32 MB. */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { DAG_PB, SHA2_256 } from '../../crdt/block-id.ts'
import { digestBytes } from './protocol.ts'

export function cidOfDigest(digest: Uint8Array): CID {
  // A copy, so that a name does not keep the whole list or message in memory.
  return CID.createV1(DAG_PB, createDigest(SHA2_256, digest.slice()))
}

export function packed(digests: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(digests.length * digestBytes)
  for (const [index, digest] of digests.entries()) bytes.set(digest, index * digestBytes)
  return bytes
}

export function* unpacked(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += digestBytes) yield bytes.subarray(at, at + digestBytes)
}

/** Bytes of an entry: a name and its mark. */
const entryBytes = digestBytes + 1

/** A list that grows at its end, and forgets from its beginning what is beyond `capacity`. Names can be marked. */
export class DigestList {
  readonly #capacity: number
  #bytes = new Uint8Array(1024 * entryBytes)
  #start = 0
  #end = 0

  /** `capacity`: names. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#end - this.#start
  }

  push(digest: Uint8Array, marked = false): void {
    if (this.#end * entryBytes === this.#bytes.length) this.#makeRoom()
    const at = this.#end++ * entryBytes
    this.#bytes.set(digest, at)
    this.#bytes[at + digestBytes] = marked ? 1 : 0
    if (this.size > this.#capacity) this.#start++
  }

  /** A view, until the next push. */
  at(index: number): Uint8Array {
    const at = (this.#start + index) * entryBytes
    return this.#bytes.subarray(at, at + digestBytes)
  }

  isMarked(index: number): boolean {
    return this.#bytes[(this.#start + index) * entryBytes + digestBytes] === 1
  }

  #makeRoom(): void {
    const kept = this.#bytes.subarray(this.#start * entryBytes, this.#end * entryBytes)
    // Where at least half was forgotten the same room is enough.
    const room = kept.length * 2 <= this.#bytes.length ? this.#bytes : new Uint8Array(this.#bytes.length * 2)
    room.set(kept)
    this.#bytes = room
    this.#end -= this.#start
    this.#start = 0
  }
}

/** A bit for each item, the first in the lowest bit of the first byte. */
export class Bits {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  static ofSize(count: number): Bits {
    return new Bits(new Uint8Array(Math.ceil(count / 8)))
  }

  set(index: number): void {
    this.bytes[index >> 3]! |= 1 << (index & 7)
  }

  has(index: number): boolean {
    return ((this.bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }
}
