/**
 * Blocks as files: `<folder>/<id div 1024>/<id>.<multihash in base32>`. The id makes a name that is never used again, so
 * a file is written once, never changed, and may be removed late. The multihash is there to make a lost
 * index again (`index-recovery.ts`). Consecutive ids share a folder, so that one sync of it serves a whole batch.
 */
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import { syncFolder } from '../../../runtime/sync-folder.ts'

export interface FileName {
  id: number
  multihash: Uint8Array
}

export interface FileToWrite extends FileName {
  bytes: Uint8Array
}

const idsPerFolder = 1_024
/** The files in one folder, by id. */
export interface FileFolder {
  /** The ids that belong there: from `from` up to but not `to`. */
  from: number
  to: number
  files: FileName[]
}

/** Files that are written or synced at once. */
const concurrency = 8

export class BlockFiles {
  readonly #folder: string
  /** The last folder that a batch has written to. */
  #newest = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** `nextId`: ids from there on are new. Removes nothing. */
  async open(nextId: number): Promise<void> {
    this.#newest = folderOf(nextId)
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
  }

  /** The files of each folder that may hold ids from `from` on, folder by folder. Other names are left out. */
  async *folders(from: number): AsyncGenerator<FileFolder> {
    const numbers = (await readdir(this.#folder)).map(Number).filter((number) => Number.isSafeInteger(number))
    for (const number of numbers.filter((each) => each >= folderOf(from)).sort((a, b) => a - b)) {
      const names = await readdir(join(this.#folder, String(number)))
      const files = names.flatMap((name) => fileName(name) ?? []).sort((a, b) => a.id - b.id)
      yield { from: number * idsPerFolder, to: (number + 1) * idsPerFolder, files }
    }
  }

  /** Takes a file whose bytes are not what its name says out of the way, to `folder`. */
  async setAside(name: FileName, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = this.#path(name)
    await rename(path, join(folder, basename(path)))
  }

  /** Writes all and syncs them, or removes what it wrote and rejects. One batch at a time, with growing ids. */
  async write(files: readonly FileToWrite[]): Promise<void> {
    const folders = [...new Set(files.map(({ id }) => folderOf(id)))]
    this.#newest = Math.max(this.#newest, ...folders)
    try {
      for (const folder of folders) await this.#makeFolder(folder)
      await inParallel(files, (file) => this.#writeOne(file))
      for (const folder of folders) await syncFolder(join(this.#folder, String(folder)))
    } catch (error) {
      await inParallel(files, (file) => rm(this.#path(file), { force: true })).catch(() => undefined)
      throw error
    }
  }

  /** Undefined when there is no such file. */
  async read(name: FileName): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(name))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async remove(names: readonly FileName[]): Promise<void> {
    await inParallel(names, (name) => rm(this.#path(name), { force: true }))
    for (const folder of new Set(names.map(({ id }) => folderOf(id)))) {
      // A batch spans two folders at most; these must not go away under it.
      if (folder + 1 >= this.#newest) continue
      await rmdir(join(this.#folder, String(folder))).catch(ignoreUnlessBroken)
    }
  }

  async #makeFolder(folder: number): Promise<void> {
    const made = await mkdir(join(this.#folder, String(folder)), { recursive: true, mode: 0o700 })
    if (made !== undefined) await syncFolder(this.#folder)
  }

  async #writeOne(file: FileToWrite): Promise<void> {
    const handle = await open(this.#path(file), 'w', 0o600)
    try {
      for (let written = 0; written < file.bytes.length; ) {
        const { bytesWritten } = await handle.write(file.bytes, written)
        written += bytesWritten
      }
      await handle.datasync()
    } finally {
      await handle.close()
    }
  }

  #path({ id, multihash }: FileName): string {
    return join(this.#folder, String(folderOf(id)), `${id}.${base32.baseEncode(multihash)}`)
  }
}

/** Undefined when a block file cannot be called so. */
function fileName(name: string): FileName | undefined {
  const [, id, text] = /^([1-9][0-9]*)\.([a-z2-7]+)$/.exec(name) ?? []
  if (id === undefined || text === undefined || !Number.isSafeInteger(Number(id))) return undefined
  try {
    return { id: Number(id), multihash: base32.baseDecode(text) }
  } catch {
    return undefined
  }
}

function folderOf(id: number): number {
  return Math.floor(id / idsPerFolder)
}

/** Rejects with the first failure, and only when nothing runs any more. */
async function inParallel<Item>(items: readonly Item[], task: (item: Item) => Promise<void>): Promise<void> {
  let next = 0
  const failures: unknown[] = []
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      await task(items[next++]!).catch((error) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work))
  if (failures.length > 0) throw failures[0]
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** A folder that still has files, or has gone already, is as it should be. */
function ignoreUnlessBroken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
}
