/**
 * Blocks from a CAR of version 1, each checked against its CID, as they come. Completeness is not checked: a DAG may come in
 * several CARs (`spec/behaviour.md` §6.3).
 */
import { asyncIterableReader, readBlockHead, readHeader } from '@ipld/car/decoder'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import { CarError, HashFunctionError } from './errors.ts'
import { isDigestOf } from './hashing.ts'

/** Bytes of the header: one root is less than 200. */
const maxHeaderBytes = 32 * 1024
/** Bytes of the CID before a block. */
const maxCidBytes = 256
/** Bytes of a block, the largest that nodes exchange. */
const maxBlockBytes = 2 * 1024 * 1024

const codecs = new Set([dagPb.code, raw.code, dagCbor.code])

export interface ImportedCar {
  root: CID
  /** Bytes of all blocks. */
  bytes: number
  /** Bytes of the file that the root is; undefined when it is none, or not in the CAR. */
  fileSize: number | undefined
}

/** Rejects with `CarError`, or as `content` does. Blocks before the fault have been emitted by then. */
export async function importCar(
  content: AsyncIterable<Uint8Array>,
  emit: (block: IpfsBlock) => Promise<void>,
): Promise<ImportedCar> {
  const car = new CarReader(content)
  const root = await car.root()
  const imported: ImportedCar = { root, bytes: 0, fileSize: undefined }
  for (let block = await car.block(); block; block = await car.block()) {
    imported.bytes += block.bytes.length
    if (block.cid.equals(root)) imported.fileSize = fileSizeOf(block)
    await emit(block)
  }
  return imported
}

type Reader = ReturnType<typeof asyncIterableReader>

class CarReader {
  readonly #reader: Reader
  /** What the content itself failed with. */
  #failure: unknown
  #isAtEnd = false

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#reader = asyncIterableReader(this.#watch(content))
  }

  async root(): Promise<CID> {
    const header = await this.#read('not a CAR file', () => readHeader(atMost(this.#reader, maxHeaderBytes)))
    if (header.version !== 1) {
      throw new CarError('CAR files of version 2 are not supported: send one of version 1')
    }
    if (header.roots.length !== 1) {
      throw new CarError(`only CAR files with a single root are supported, not ${header.roots.length}`)
    }
    return header.roots[0]!
  }

  /** Undefined at the end. */
  async block(): Promise<IpfsBlock | undefined> {
    if ((await this.#reader.upTo(1)).length === 0) return undefined
    const malformed = `malformed CAR file at byte ${this.#reader.pos}`
    const head = await this.#read(malformed, () => readBlockHead(atMost(this.#reader, maxCidBytes)))
    const { cid, blockLength } = head
    if (blockLength < 0 || blockLength > maxBlockBytes) {
      throw new CarError(
        `block ${cid} of the CAR file has ${blockLength} bytes; 0 to ${maxBlockBytes} are taken`,
      )
    }
    const bytes = await this.#read(malformed, () => this.#reader.exactly(blockLength, true))
    if (!codecs.has(cid.code)) {
      const codec = `0x${cid.code.toString(16)}`
      throw new CarError(
        `block ${cid} of the CAR file has codec ${codec}; dag-pb, raw and dag-cbor are taken`,
      )
    }
    if (!isIntact(cid, bytes)) throw new CarError(`block ${cid} of the CAR file does not match its hash`)
    return { cid, bytes }
  }

  /** A CAR that ends too early fails with `unexpected EOF`, as in the original. */
  async #read<Result>(malformed: string, read: () => Promise<Result>): Promise<Result> {
    try {
      return await read()
    } catch (error) {
      if (error instanceof CarError || error === this.#failure) throw error
      const { message } = error as Error
      const isShort = message === 'Unexpected end of data' || message === 'Could not decode varint'
      if (isShort && this.#isAtEnd) throw new CarError('unexpected EOF', { cause: error })
      throw new CarError(`${malformed}: ${message}`, { cause: error })
    }
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

/** Keeps a length that the content claims from being waited for. */
function atMost(reader: Reader, limit: number): Reader {
  return {
    upTo: (length) => reader.upTo(length),
    async exactly(length, seek) {
      if (length <= limit) return reader.exactly(length, seek)
      throw new CarError(`not a CAR file: a part of ${length} bytes, where at most ${limit} can be`)
    },
    seek: (length) => reader.seek(length),
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

function fileSizeOf({ cid, bytes }: IpfsBlock): number | undefined {
  if (cid.code !== dagPb.code) return undefined
  try {
    const { Data } = dagPb.decode(bytes)
    return Data && Number(UnixFS.unmarshal(Data).fileSize())
  } catch {
    // A dag-pb node that is not UnixFS has no file size.
    return undefined
  }
}
