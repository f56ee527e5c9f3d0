/** CARs as other tools write them: of version 1 and 2, and the blocks to put into them. */
import { CarWriter } from '@ipld/car'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { UploadPart } from '../../../core/adder/add.ts'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { add, file } from './add-rig.ts'
import { mixedBytes } from './mixed-bytes.ts'

export async function makeCar(roots: CID[], blocks: IpfsBlock[]): Promise<Uint8Array> {
  const { writer, out } = CarWriter.create(roots)
  const written = (async () => {
    for (const block of blocks) await writer.put(block)
    await writer.close()
  })()
  const pieces: Uint8Array[] = []
  for await (const piece of out) pieces.push(piece)
  await written
  return Buffer.concat(pieces)
}

export interface Version2Layout {
  /** Zeros between the header and the data. */
  padding?: number
  /** Where the header says that the data begins and how long it is; what is true unless given. */
  dataOffset?: bigint
  dataSize?: bigint
  /** What follows the data. */
  index?: Uint8Array
}

/**
 * A file of version 2 around one of version 1, by https://ipld.io/specs/transport/car/carv2/: the pragma, then 16 bytes of
 * characteristics, offset and size of the data and offset of the index as 64-bit numbers, the last byte first.
 */
export function makeCar2(car1: Uint8Array, layout: Version2Layout = {}): Uint8Array {
  const { padding = 0, index = new Uint8Array(0) } = layout
  const { dataOffset = BigInt(51 + padding), dataSize = BigInt(car1.length) } = layout
  const header = Buffer.alloc(40)
  header.writeBigUInt64LE(dataOffset, 16)
  header.writeBigUInt64LE(dataSize, 24)
  if (index.length > 0) header.writeBigUInt64LE(BigInt(51 + padding + car1.length), 32)
  const pragma = Buffer.from('0aa16776657273696f6e02', 'hex')
  return Buffer.concat([pragma, header, new Uint8Array(padding), car1, index])
}

export async function blockOf(bytes: Uint8Array, code = raw.code): Promise<IpfsBlock> {
  return { cid: CID.create(1, code, await sha256.digest(bytes)), bytes }
}

/** What an upload becomes, and its root. */
export async function blocksOf(parts: UploadPart[]): Promise<{ root: CID; blocks: IpfsBlock[] }> {
  const { blocks, root } = await add(parts, { wrapWithDirectory: parts.length > 1 })
  return {
    root: CID.parse(root),
    blocks: [...blocks].map(([cid, bytes]) => ({ cid: CID.parse(cid), bytes })),
  }
}

/** The blocks of a file of some leaves, and its root. */
export const fileBlocks = () => blocksOf([file('a', mixedBytes(900_000))])

export const addCar = (car: Uint8Array, pieceLength?: number) =>
  add([file('t.car', car, pieceLength)], { format: 'car' })
