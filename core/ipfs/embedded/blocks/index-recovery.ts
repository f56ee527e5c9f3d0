/**
 * Brings the index in line with the block files when the node starts. A write that was cut off leaves files that the index
 * does not know, at most one batch. An index that is new, or that comes from a backup, lacks more: then all files are
 * compared with it. Files that it does not know are read, checked against the hash in their name, and taken in; none is
 * removed but what a cut-off write left half-written. Blocks small enough to live in the index itself are lost with it.
 */
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { messageOf } from '../../../error-text.ts'
import type { Runtime } from '../../../runtime/ports.ts'
import { isDagPbLeaf } from '../dag/node-links.ts'
import type { BlockFiles, FileName } from './block-files.ts'
import { isBlockOf } from './block-hash.ts'
import type { BlockIndex } from './block-index.ts'
import type { BlockRow, FreshSince, NewBlock } from './index-changes.ts'
import { isOldIndex } from './openings.ts'

/** Blocks that were found without an index are safe from garbage collection for so long, ms: pins are made again meanwhile. */
const keptFor = 7 * 24 * 3_600_000
/** Milliseconds between two lines of progress. */
const reportInterval = 10_000
const maxBatchBlocks = 512
const raw = 0x55

export interface RecoveryInit {
  /** Of the node. */
  folder: string
  index: BlockIndex
  files: BlockFiles
  runtime: Runtime
  /** Files that a write which was cut off leaves at most. */
  mostCutOff: number
}

/** Rejects with what the index or the file system says. */
export async function recoverIndex(init: RecoveryInit): Promise<void> {
  const { folder, index, runtime } = init
  const isOld = (await isOldIndex(folder, index)) || (await hasManyUnknown(init))
  const recovery = new Recovery(init, isOld)
  if (isOld) {
    runtime.logger.warn(
      'the index of the blocks is new or comes from a backup: it is made again from the block files, and all pins are checked',
      { folder },
    )
    await index.commit({ kind: 'renew' })
  }
  await recovery.run()
}

/** More files are unknown than a write that was cut off can have left, or there are any beside a new index. */
async function hasManyUnknown({ index, files, mostCutOff }: RecoveryInit): Promise<boolean> {
  const mayBeCutOff = index.nextId === 1 ? 0 : mostCutOff
  for await (const folder of files.folders(index.nextId)) {
    if ((folder.files.at(-1)?.id ?? 0) >= index.nextId + mayBeCutOff) return true
  }
  return false
}

class Recovery {
  readonly #init: RecoveryInit
  readonly #isOld: boolean
  readonly #fresh: FreshSince
  readonly #counts = { blocks: 0, bytes: 0, damaged: 0, missing: 0, unreadable: 0 }
  #batch: NewBlock[] = []
  #reportedAt: number

  constructor(init: RecoveryInit, isOld: boolean) {
    const { clock } = init.runtime
    this.#init = init
    this.#isOld = isOld
    this.#fresh = clock.now() + (isOld ? keptFor : 0)
    this.#reportedAt = clock.monotonic()
  }

  async run(): Promise<void> {
    const { index, files, runtime } = this.#init
    const known = index.nextId
    let highest = known - 1
    for await (const { from, to, files: found } of files.folders(this.#isOld ? 0 : known)) {
      const rows = this.#isOld ? new Map(index.filed(from, to).map((row) => [row.id, row])) : new Map()
      for (const file of found) {
        highest = Math.max(highest, file.id)
        // Ids below are in the index, or in its trash, unless it is of another time.
        if (rows.delete(file.id) || (file.id < known && (!this.#isOld || index.isTrash(file.id)))) continue
        await this.#takeIn(file)
        this.#report()
      }
      await this.#flush()
      await this.#lose([...rows.values()])
    }
    await index.commit({ kind: 'reserve', nextId: highest + 1 })
    const { blocks, damaged, missing, unreadable } = this.#counts
    if (this.#isOld) runtime.logger.warn('the index of the blocks is complete again', { ...this.#counts })
    else if (blocks + damaged + missing + unreadable > 0)
      runtime.logger.info('what a write that was cut off had left was looked through', { ...this.#counts })
  }

  async #takeIn(file: FileName): Promise<void> {
    const { index, files, folder, runtime } = this.#init
    if (this.#batch.some(({ multihash }) => Buffer.compare(multihash, file.multihash) === 0))
      await this.#flush()
    const known = index.find(file.multihash)
    if (known !== undefined && known.id !== file.id && (!known.inFile || (await this.#isSound(known)))) {
      await files.remove([file])
      return
    }
    let bytes: Uint8Array | undefined
    try {
      bytes = await files.read(file)
    } catch (error) {
      this.#counts.unreadable++
      runtime.logger.error('a block file cannot be read and is left where it is', {
        id: file.id,
        error: messageOf(error),
      })
      return
    }
    if (bytes === undefined || !isSound(file, bytes)) {
      this.#counts.damaged++
      // An index that is up to date knows all that was ever acknowledged.
      if (this.#isOld) await files.setAside(file, join(folder, 'damaged'))
      else await files.remove([file])
      return
    }
    if (known !== undefined) await this.#lose([known])
    this.#counts.blocks++
    this.#counts.bytes += bytes.length
    const { id, multihash } = file
    const leaf = isDagPbLeaf(bytes)
    this.#batch.push({
      id,
      multihash,
      codec: raw,
      size: bytes.length,
      leaf,
      inFile: true,
      fresh: this.#fresh,
    })
    if (this.#batch.length === maxBatchBlocks) await this.#flush()
  }

  async #isSound(row: BlockRow): Promise<boolean> {
    const bytes = await this.#init.files.read(row)
    return bytes !== undefined && isSound(row, bytes)
  }

  async #flush(): Promise<void> {
    const blocks = this.#batch
    this.#batch = []
    if (blocks.length > 0) await this.#init.index.commit({ kind: 'add', blocks })
  }

  async #lose(rows: BlockRow[]): Promise<void> {
    if (rows.length === 0) return
    this.#counts.missing += rows.length
    await this.#init.index.commit({ kind: 'lost', rows })
  }

  #report(): void {
    const { clock, logger } = this.#init.runtime
    if (clock.monotonic() - this.#reportedAt < reportInterval) return
    this.#reportedAt = clock.monotonic()
    logger.info('the block files are being read', { ...this.#counts })
  }
}

function isSound({ multihash }: FileName, bytes: Uint8Array): boolean {
  try {
    return isBlockOf(CID.createV1(raw, Digest.decode(multihash)), bytes)
  } catch {
    // Not a multihash, or one of a hash function that is not taken: no block of this node is called so.
    return false
  }
}
