/**
 * UnixFS from an upload: files become DAGs as they come, folders when all of theirs is there. CIDs, order and names of the
 * output are the original's (`spec/rest-api.md` §8, `spec/behaviour.md` §6.2).
 */
import type { UploadPart } from './add.ts'
import type { BlockMaker, DagNode } from './block-maker.ts'
import type { Chunker } from './chunker.ts'
import { UploadTooLargeError } from './errors.ts'
import { createFileDag } from './file-dag.ts'
import { makeFolder } from './folder-dag.ts'
import { type ByteBudget, FolderEntries } from './folder-entries.ts'
import { splitUploadPath } from './upload-path.ts'

/** Bytes that the names and CIDs of all folders of one entry may take in memory: some six million files. */
const maxFolderBytes = 512 * 1024 * 1024
/** What one folder costs besides its entries, about. */
const folderBytes = 1024
/** Bytes of a file between two progress lines. */
const progressStep = 256 * 1024

export interface ImportOptions {
  chunker: Chunker
  layout: 'balanced' | 'trickle'
  rawLeaves: boolean
  wrapWithDirectory: boolean
  progress: boolean
  /** Default: `maxFolderBytes`. */
  folderBytesLimit?: number
}

/** What happened: some bytes of a file were read, or a node is complete. `isRoot`: it is nobody's part. */
export type Imported =
  | { kind: 'progress'; name: string; bytes: number }
  | { kind: 'node'; name: string; node: DagNode; isRoot: boolean }

/**
 * Entries at the top come out one after the other, each as a root of its own, unless wrapped. Rejects with
 * `UploadPathError` or `UploadTooLargeError`.
 */
export async function* importUnixfs(
  parts: AsyncIterable<UploadPart>,
  blocks: BlockMaker,
  options: ImportOptions,
): AsyncGenerator<Imported> {
  let top: TopEntry | undefined
  for await (const part of parts) {
    const path = splitUploadPath(part.path)
    const name = options.wrapWithDirectory ? '' : (path[0] ?? '')
    const inside = options.wrapWithDirectory ? path : path.slice(1)
    if (part.kind === 'directory') {
      if (top?.name !== name) {
        if (top) yield* top.finish()
        top = new TopEntry(blocks, name, options.folderBytesLimit)
      }
      top.folder(inside)
      continue
    }
    const isAlone = inside.length === 0 && !options.wrapWithDirectory
    if (top && (isAlone || top.name !== name)) {
      yield* top.finish()
      top = undefined
    }
    const node =
      part.kind === 'symlink'
        ? await blocks.symlink(part.target)
        : yield* importFile(part.content, inside.join('/'), blocks, options)
    if (!isAlone) {
      top ??= new TopEntry(blocks, name, options.folderBytesLimit)
      top.put(inside, node)
    }
    yield { kind: 'node', name: [name, ...inside].filter(Boolean).join('/'), node, isRoot: isAlone }
  }
  if (top) yield* top.finish()
}

/** Progress lines name the file without the entry at the top that it is in, as in the original. */
async function* importFile(
  content: AsyncIterable<Uint8Array>,
  name: string,
  blocks: BlockMaker,
  { chunker, layout, rawLeaves, progress }: ImportOptions,
): AsyncGenerator<Imported, DagNode> {
  const dag = createFileDag({ blocks, layout, rawLeaves })
  let bytes = 0
  let told: number | undefined
  for await (const chunk of chunker(content)) {
    await dag.add(chunk)
    bytes += chunk.length
    if (!progress || bytes - (told ?? 0) < progressStep) continue
    told = bytes
    yield { kind: 'progress', name, bytes }
  }
  if (progress && told !== bytes) yield { kind: 'progress', name, bytes }
  return dag.finish()
}

interface Folder {
  folders: Map<string, Folder>
  entries: FolderEntries
}

/** A folder at the top of an upload, or the one that wraps it all. */
class TopEntry implements ByteBudget {
  readonly name: string
  readonly #blocks: BlockMaker
  readonly #root: Folder
  #bytesLeft: number

  constructor(blocks: BlockMaker, name: string, bytes = maxFolderBytes) {
    this.#bytesLeft = bytes
    this.name = name
    this.#blocks = blocks
    this.#root = this.#newFolder()
  }

  take(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft >= 0) return
    throw new UploadTooLargeError(
      'the folders of the upload have too many entries to be held in memory: add it in several parts, or as a CAR',
    )
  }

  /** The folder at a path, made with those above it where there is none. */
  folder(path: string[]): Folder {
    let folder = this.#root
    for (const name of path) {
      let inner = folder.folders.get(name)
      if (!inner) {
        inner = this.#newFolder()
        folder.folders.set(name, inner)
      }
      folder = inner
    }
    return folder
  }

  /** A file without a name gets that of its CID, as in Kubo. */
  put(path: string[], node: DagNode): void {
    this.folder(path.slice(0, -1)).entries.add(path.at(-1) ?? node.cid.toString(), node)
  }

  /** Makes the nodes of all folders, depth first, the root last. */
  async *finish(): AsyncGenerator<Imported> {
    yield* this.#finishFolder(this.#root, this.name, true)
  }

  async *#finishFolder(folder: Folder, path: string, isRoot: boolean): AsyncGenerator<Imported, DagNode> {
    const names = [...folder.folders.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    for (const name of names) {
      const inner = folder.folders.get(name)!
      const node = yield* this.#finishFolder(inner, path === '' ? name : `${path}/${name}`, false)
      folder.entries.add(name, node)
      folder.folders.delete(name)
    }
    const node = await makeFolder(this.#blocks, folder.entries)
    yield { kind: 'node', name: path, node, isRoot }
    return node
  }

  #newFolder(): Folder {
    this.take(folderBytes)
    return { folders: new Map(), entries: new FolderEntries(this) }
  }
}
