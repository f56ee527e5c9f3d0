/** The entries of one folder, packed: a folder of millions of files costs its names and CIDs, and no objects. */
import { CID } from 'multiformats/cid'
import { bytesFromText } from '../runtime/byte-text.ts'
import type { NamedNode } from './block-maker.ts'

/** Counts the bytes that all folders of an add hold. */
export interface ByteBudget {
  /** Throws `UploadTooLargeError` when there is no room for `bytes` more. */
  take(bytes: number): void
}

/** Length of name, length of CID, size of DAG. */
const headerBytes = 2 + 2 + 8

export class FolderEntries {
  readonly #budget: ByteBudget
  #bytes = Buffer.allocUnsafeSlow(256)
  #used = 0
  #offsets = new Float64Array(8)
  #count = 0

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  get count(): number {
    return this.#count
  }

  /** `name` is at most 65,535 bytes long. */
  add(name: string, { cid, dagSize }: NamedNode['node']): void {
    const nameBytes = bytesFromText(name)
    const nameLength = nameBytes.length
    const length = headerBytes + nameLength + cid.bytes.length
    this.#makeRoom(length)
    const start = this.#used
    this.#bytes.writeUInt16LE(nameLength, start)
    this.#bytes.writeUInt16LE(cid.bytes.length, start + 2)
    this.#bytes.writeDoubleLE(dagSize, start + 4)
    this.#bytes.set(nameBytes, start + headerBytes)
    this.#bytes.set(cid.bytes, start + headerBytes + nameLength)
    this.#offsets[this.#count++] = start
    this.#used += length
  }

  /** The bytes of the name of an entry; a view. */
  name(index: number): Uint8Array {
    const start = this.#offsets[index]!
    return this.#bytes.subarray(start + headerBytes, start + headerBytes + this.#bytes.readUInt16LE(start))
  }

  /** Bytes of name and CID, which is what the size of a folder is judged by. */
  linkBytes(index: number): number {
    const start = this.#offsets[index]!
    return this.#bytes.readUInt16LE(start) + this.#bytes.readUInt16LE(start + 2)
  }

  node(index: number): NamedNode['node'] {
    const start = this.#offsets[index]!
    const cidStart = start + headerBytes + this.#bytes.readUInt16LE(start)
    const cid = this.#bytes.subarray(cidStart, cidStart + this.#bytes.readUInt16LE(start + 2))
    return { cid: CID.decode(Buffer.from(cid)), dagSize: this.#bytes.readDoubleLE(start + 4), fileSize: 0 }
  }

  /** Indexes of all entries in the byte order of their names. */
  sorted(): Uint32Array {
    const order = new Uint32Array(this.#count).map((_, index) => index)
    return order.sort((a, b) => Buffer.compare(this.name(a), this.name(b)))
  }

  #makeRoom(length: number): void {
    if (this.#used + length > this.#bytes.length) {
      const grown = Math.max(this.#bytes.length * 2, this.#used + length)
      this.#budget.take(grown - this.#bytes.length)
      const bytes = Buffer.allocUnsafeSlow(grown)
      this.#bytes.copy(bytes, 0, 0, this.#used)
      this.#bytes = bytes
    }
    if (this.#count === this.#offsets.length) {
      this.#budget.take(this.#offsets.byteLength)
      const offsets = new Float64Array(this.#offsets.length * 2)
      offsets.set(this.#offsets)
      this.#offsets = offsets
    }
  }
}
