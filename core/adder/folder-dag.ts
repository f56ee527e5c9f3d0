/**
 * The nodes of a folder: one, or a HAMT of many when its links are more than 256 KiB, as Kubo does it: fan-out 256, slots
 * by the murmur3-x64-64 of the name.
 */
import { murmur364 } from '@multiformats/murmur3'
import { textFromBytes } from '../runtime/byte-text.ts'
import type { BlockMaker, DagNode, NamedNode } from './block-maker.ts'
import { UploadPathError } from './errors.ts'
import type { FolderEntries } from './folder-entries.ts'

/** Bytes of names and CIDs above which a folder is sharded. */
const shardThreshold = 256 * 1024
const slots = 256
const hashBytes = 8

/** Rejects with `UploadPathError` when a name comes twice. */
export async function makeFolder(blocks: BlockMaker, entries: FolderEntries): Promise<DagNode> {
  const order = entries.sorted()
  refuseDoubles(entries, order)
  let linkBytes = 0
  for (const index of order) linkBytes += entries.linkBytes(index)
  if (linkBytes > shardThreshold) return new Hamt(blocks, entries).make(order, 0)
  return blocks.folder(Array.from(order, (index) => named(entries, index, '')))
}

function refuseDoubles(entries: FolderEntries, order: Uint32Array): void {
  for (let at = 1; at < order.length; at++) {
    const name = entries.name(order[at]!)
    if (Buffer.compare(entries.name(order[at - 1]!), name) !== 0) continue
    throw new UploadPathError(
      `two entries of one folder have the name ${JSON.stringify(Buffer.from(name).toString())}: send each path once`,
    )
  }
}

function named(entries: FolderEntries, index: number, prefix: string): NamedNode {
  return { name: prefix + textFromBytes(entries.name(index)), node: entries.node(index) }
}

class Hamt {
  readonly #blocks: BlockMaker
  readonly #entries: FolderEntries
  /** Hash of each entry's name, in the order of the entries. */
  readonly #hashes: Uint8Array

  constructor(blocks: BlockMaker, entries: FolderEntries) {
    this.#blocks = blocks
    this.#entries = entries
    this.#hashes = new Uint8Array(entries.count * hashBytes)
    for (let index = 0; index < entries.count; index++) {
      this.#hashes.set(slotPath(entries.name(index)), index * hashBytes)
    }
  }

  /** The node of the entries `members`, which share the first `depth` slots of their path. */
  async make(members: Uint32Array, depth: number): Promise<DagNode> {
    const links: NamedNode[] = []
    const bits = new Uint8Array(slots / 8)
    for (const [slot, inSlot] of this.#bySlot(members, depth)) {
      const prefix = slot.toString(16).toUpperCase().padStart(2, '0')
      bits[bits.length - 1 - (slot >> 3)]! |= 1 << (slot & 7)
      links.push(
        inSlot.length === 1
          ? named(this.#entries, inSlot[0]!, prefix)
          : { name: prefix, node: await this.make(inSlot, depth + 1) },
      )
    }
    const first = bits.findIndex((byte) => byte !== 0)
    return this.#blocks.shard(bits.subarray(first), slots, murmur364.code, links)
  }

  /** Slots that are taken, in order, with the entries of each. */
  *#bySlot(members: Uint32Array, depth: number): Generator<[number, Uint32Array]> {
    if (depth === hashBytes) {
      throw new UploadPathError('too many names of one folder have the same hash: split the folder')
    }
    const slotOf = (index: number) => this.#hashes[index * hashBytes + depth]!
    const ends = new Uint32Array(slots + 1)
    for (const index of members) ends[slotOf(index) + 1]!++
    for (let slot = 0; slot < slots; slot++) ends[slot + 1]! += ends[slot]!
    const grouped = new Uint32Array(members.length)
    const next = ends.slice()
    for (const index of members) grouped[next[slotOf(index)]!++] = index
    for (let slot = 0; slot < slots; slot++) {
      if (ends[slot] !== ends[slot + 1]) yield [slot, grouped.subarray(ends[slot], ends[slot + 1])]
    }
  }
}

/** One slot a byte, from the root down. */
function slotPath(name: Uint8Array): Uint8Array {
  return murmur364.encode(name) as Uint8Array
}
