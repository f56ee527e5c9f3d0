/**
 * Blocks from a CAR, each checked against its CID, as they come. A DAG may come in several CARs (`spec/behaviour.md` §6.3):
 * one that is not whole is taken, and what it lacks is said.
 */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import { CarReader } from './car-reader.ts'
import { CarError } from './errors.ts'
import { identityCode } from './hashing.ts'
import { type MissingBlock, MissingBlocks } from './missing-blocks.ts'
import { isCodecKnown } from './node-links.ts'

/** Codecs that are named in a warning. */
const maxNamedCodecs = 8

export interface ImportedRoot {
  cid: CID
  /** Bytes of the file that the root is; undefined when it is none, or not in the CAR. */
  fileSize: number | undefined
  /** What of its DAG is not in the CAR. */
  warnings: string[]
}

export interface ImportedCar {
  /** Each once, in the order of the header. */
  roots: ImportedRoot[]
  /** Bytes of all blocks. */
  bytes: number
  /** What is to be said of the file. */
  warnings: string[]
}

/** Rejects with `CarError`, or as `content` does. Blocks before the fault have been emitted by then. */
export async function importCar(
  content: AsyncIterable<Uint8Array>,
  emit: (block: IpfsBlock) => Promise<void>,
): Promise<ImportedCar> {
  const car = new CarReader(content)
  const named = await car.roots()
  if (named.length === 0) {
    throw new CarError('the CAR file names no root, so that there is nothing to pin: write one with a root')
  }
  const roots = new Map(
    named.map((cid): [string, ImportedRoot] => [cid.toString(), { cid, fileSize: undefined, warnings: [] }]),
  )
  const missing = new MissingBlocks([...roots.values()].map(({ cid }) => cid))
  const faults = new Faults()
  let bytes = 0
  for (const { cid } of roots.values()) {
    if (cid.multihash.code !== identityCode) continue
    // The CID of such a root is its block, which need not be in the file.
    const inline = { cid, bytes: cid.multihash.digest }
    faults.note(inline, missing)
    await emit(inline)
  }
  for (let block = await car.block(); block; block = await car.block()) {
    bytes += block.bytes.length
    const root = roots.get(block.cid.toString())
    if (root) root.fileSize = fileSizeOf(block)
    faults.note(block, missing)
    await emit(block)
  }
  for (const each of missing.first()) roots.get(each.root.toString())?.warnings.push(textOf(each))
  if (!missing.isKnown) faults.warnings.push('it has too many blocks to tell whether its DAG is whole')
  return { roots: [...roots.values()], bytes, warnings: faults.all() }
}

/** What is odd about the blocks of a CAR and does not keep them from being stored. */
class Faults {
  readonly warnings: string[] = []
  readonly #codecs = new Set<number>()
  #unreadable = 0
  #unreadableText = ''

  note(block: IpfsBlock, missing: MissingBlocks): void {
    if (!isCodecKnown(block.cid.code)) this.#codecs.add(block.cid.code)
    try {
      missing.add(block)
    } catch (error) {
      if (this.#unreadable++ === 0) {
        this.#unreadableText = `block ${block.cid} is not sound (${messageOf(error).slice(0, 200)})`
      }
    }
  }

  all(): string[] {
    const all = [...this.warnings]
    if (this.#codecs.size > 0) {
      const names = [...this.#codecs].slice(0, maxNamedCodecs).map((code) => `0x${code.toString(16)}`)
      const more = this.#codecs.size > maxNamedCodecs ? ' and others' : ''
      all.push(
        `what blocks of codec ${names.join(', ')}${more} link to is not known here: they are stored, and ` +
          'no pin follows their links',
      )
    }
    if (this.#unreadable > 0) {
      const more = this.#unreadable > 1 ? `, and ${this.#unreadable - 1} more` : ''
      all.push(`${this.#unreadableText}${more}: they are stored, and a DAG with them cannot be pinned`)
    }
    return all
  }
}

function textOf({ root, cid, path }: MissingBlock): string {
  const block = cid.equals(root) ? `the root ${root}` : `block ${cid} of ${root}`
  const at = path === '' ? '' : `, at ${JSON.stringify(path)},`
  return (
    `${block}${at} is not in the CAR file: the pin completes only when a connected IPFS node has it; ` +
    'add a CAR file that has it'
  )
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
