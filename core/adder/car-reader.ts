/**
 * Reads a CAR from a stream that cannot go back: of version 1, or of version 2, whose data is a plain range of the file.
 * Each block is checked against its CID, and every length before anything waits for that many bytes.
 */
import { asyncIterableReader, readBlockHead, readHeader } from '@ipld/car/decoder'
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import { CarError, HashFunctionError } from './errors.ts'
import { isDigestOf } from './hashing.ts'

/** Bytes of the header: each root is less than 200. */
const maxHeaderBytes = 32 * 1024
/** Bytes of the CID before a block. */
const maxCidBytes = 256
/** Bytes of a block, the largest that nodes exchange. */
const maxBlockBytes = 2 * 1024 * 1024
/** Bytes between the header of version 2 and the data. */
const maxPaddingBytes = 16 * 1024 * 1024
/** Bytes of the two headers that every file of version 2 begins with. */
const version2HeaderBytes = 11 + 40

type Reader = ReturnType<typeof asyncIterableReader>

export class CarReader {
  readonly #reader: Reader
  /** What the content itself failed with. */
  #failure: unknown
  #isAtEnd = false
  /** Where the data ends: version 2 has an index behind it. */
  #dataEnd = Number.POSITIVE_INFINITY
  #blocks = 0
  #hasHeader = false

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#reader = asyncIterableReader(this.#watch(content))
  }

  /** What the header names; to be called first. Rejects with `CarError`, or as the content does. */
  async roots(): Promise<CID[]> {
    const header = await this.#read('not a CAR file', () =>
      readHeader(bounded(this.#reader, maxHeaderBytes, maxPaddingBytes)),
    )
    if (header.version === 2) {
      const { dataOffset, dataSize } = header
      if (dataSize === 0) {
        throw new CarError(
          'the CAR file of version 2 was never finished: its header says that there is no data; write it again',
        )
      }
      this.#dataEnd = dataOffset + dataSize
      if (this.#reader.pos > this.#dataEnd) throw this.#leavesData()
    }
    this.#hasHeader = true
    return header.roots
  }

  /** The next block; undefined at the end of the data. Rejects with `CarError`, or as the content does. */
  async block(): Promise<IpfsBlock | undefined> {
    const start = this.#reader.pos
    const [first] = start === this.#dataEnd ? [] : await this.#reader.upTo(1)
    if (first === undefined && this.#dataEnd !== Number.POSITIVE_INFINITY && start < this.#dataEnd) {
      throw this.#cutShort()
    }
    if (first === undefined || first === 0) {
      await this.#skipRest(first === 0)
      return undefined
    }
    const malformed = `malformed CAR file at byte ${start}`
    const head = await this.#read(malformed, () =>
      readBlockHead(bounded(this.#reader, maxCidBytes, maxCidBytes)),
    )
    const { cid, blockLength } = head
    if (blockLength < 0 || blockLength > maxBlockBytes) {
      throw new CarError(
        `block ${cid} of the CAR file has ${blockLength} bytes; 0 to ${maxBlockBytes} are taken`,
      )
    }
    if (this.#reader.pos + blockLength > this.#dataEnd) throw this.#leavesData()
    const bytes = await this.#read(malformed, () => this.#reader.exactly(blockLength, true))
    if (!isIntact(cid, bytes)) throw new CarError(`block ${cid} of the CAR file does not match its hash`)
    this.#blocks++
    return { cid, bytes }
  }

  /**
   * Reads on to the end of the file. `arePadding`: a section without length was met, which is the end of the data; files
   * that were part of a Filecoin deal are filled up with them. Behind the data of version 2 is an index, which nobody needs.
   */
  async #skipRest(arePadding: boolean): Promise<void> {
    for (;;) {
      const { pos } = this.#reader
      const length = pos < this.#dataEnd ? Math.min(skipBytes, this.#dataEnd - pos) : skipBytes
      const bytes = await this.#reader.upTo(length)
      if (bytes.length === 0) return
      const other = arePadding && pos < this.#dataEnd ? bytes.findIndex((byte) => byte !== 0) : -1
      if (other !== -1) {
        throw new CarError(
          `malformed CAR file at byte ${pos + other}: a section of length 0 ends the data, but more than zeros follows it`,
        )
      }
      this.#reader.seek(bytes.length)
    }
  }

  async #read<Result>(malformed: string, read: () => Promise<Result>): Promise<Result> {
    try {
      return await read()
    } catch (error) {
      if (error instanceof CarError || error === this.#failure) throw error
      const message = messageOf(error)
      const isShort = message === 'Unexpected end of data' || message === 'Could not decode varint'
      if (isShort && this.#isAtEnd) throw this.#cutShort(error)
      throw new CarError(`${malformed}: ${message}`, { cause: error })
    }
  }

  /** The first two words are what the original says. */
  #cutShort(cause?: unknown): CarError {
    if (!this.#hasHeader) {
      return new CarError('unexpected EOF: it is no CAR file, or less than the header of one', { cause })
    }
    const blocks = `${this.#blocks} whole block${this.#blocks === 1 ? '' : 's'}`
    return new CarError(
      `unexpected EOF: the CAR file is cut short after ${blocks}; ` +
        (this.#blocks === 0 ? 'nothing was stored' : 'what was stored of them is not pinned') +
        '; send the whole file',
      { cause },
    )
  }

  #leavesData(): CarError {
    return new CarError(
      `malformed CAR file of version 2: at byte ${this.#reader.pos} it goes on beyond the end of the data, ` +
        `which is at ${this.#dataEnd} by its header`,
    )
  }

  async *#watch(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* content
      this.#isAtEnd = true
    } catch (error) {
      this.#failure = error
      throw error
    }
  }
}

const skipBytes = 64 * 1024

/** Keeps a length that the content claims from being waited for. */
function bounded(reader: Reader, limit: number, seekLimit: number): Reader {
  return {
    upTo: (length) => reader.upTo(length),
    async exactly(length, seek) {
      if (length <= limit) return reader.exactly(length, seek)
      throw new CarError(`not a CAR file: a part of ${length} bytes, where at most ${limit} can be`)
    },
    seek(length) {
      if (length >= 0 && length <= seekLimit) return reader.seek(length)
      throw new CarError(
        `malformed CAR file of version 2: its data begins at byte ${reader.pos + length}, where ` +
          `${version2HeaderBytes} to ${version2HeaderBytes + seekLimit} are taken`,
      )
    },
    get pos() {
      return reader.pos
    },
  }
}

function isIntact(cid: CID, bytes: Uint8Array): boolean {
  try {
    return isDigestOf(cid.multihash, bytes)
  } catch (error) {
    if (!(error instanceof HashFunctionError)) throw error
    throw new CarError(`block ${cid} of the CAR file cannot be checked: ${error.message}`, { cause: error })
  }
}
