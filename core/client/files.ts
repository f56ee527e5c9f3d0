/** Finds what is to be uploaded: files, folders, addresses on the web, and a stream such as stdin. */
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink, realpath } from 'node:fs/promises'
import { basename, join, normalize } from 'node:path'
import { UploadError } from './errors.ts'
import type { Upload } from './upload.ts'

export interface FileSelection {
  /** Paths of files and folders, `http(s)://` addresses, and `-` for `stdin`. */
  paths: string[]
  recursive: boolean
  /** Files and folders whose names begin with a dot, inside of folders. */
  hidden: boolean
  /** What `-` stands for. */
  stdin?: AsyncIterable<Uint8Array>
  signal?: AbortSignal
}

/** Bytes that will be read, where all sizes are known before. Throws `UploadError`. */
export async function measure(selection: FileSelection): Promise<number | undefined> {
  let size = 0
  for (const path of selection.paths) {
    if (path === '-' || isWebAddress(path)) return undefined
    size += await sizeOf(await localPath(path), selection, true)
  }
  return size
}

/** The uploads in order, each folder sorted. Throws `UploadError` for what cannot be read, before its part begins. */
export async function* walk(selection: FileSelection): AsyncGenerator<Upload> {
  for (const path of selection.paths) {
    selection.signal?.throwIfAborted()
    if (path === '-') yield { kind: 'file', path: 'stdin', content: selection.stdin ?? nothing() }
    else if (isWebAddress(path)) yield fromWeb(path, selection.signal)
    else {
      const local = await localPath(path)
      yield* walkPath(local, basename(local), selection, true)
    }
  }
}

export function isWebAddress(path: string): boolean {
  return /^https?:\/\//i.test(path)
}

async function* walkPath(
  path: string,
  name: string,
  selection: FileSelection,
  isTop: boolean,
): AsyncGenerator<Upload> {
  const stat = await statOf(path)
  if (stat.isSymbolicLink()) yield { kind: 'symlink', path: name, target: await readlink(path) }
  else if (stat.isFile()) yield { kind: 'file', path: name, content: contentOf(path) }
  else if (!stat.isDirectory()) throw new UploadError(`${path} is neither a file nor a folder nor a link`)
  else {
    requireRecursive(path, selection, isTop)
    yield { kind: 'directory', path: name }
    for (const entry of await entriesOf(path, selection.hidden)) {
      yield* walkPath(join(path, entry), `${name}/${entry}`, selection, false)
    }
  }
}

async function sizeOf(path: string, selection: FileSelection, isTop: boolean): Promise<number> {
  const stat = await statOf(path)
  if (stat.isFile()) return stat.size
  if (!stat.isDirectory()) return 0
  requireRecursive(path, selection, isTop)
  let size = 0
  for (const entry of await entriesOf(path, selection.hidden)) {
    size += await sizeOf(join(path, entry), selection, false)
  }
  return size
}

function requireRecursive(path: string, { recursive }: FileSelection, isTop: boolean): void {
  if (!isTop || recursive) return
  throw new UploadError(`${path} is a directory, but Recursive option is not set; add it with --recursive`)
}

/** `.` has no name of its own: it is the folder that it stands for. */
async function localPath(path: string): Promise<string> {
  return path === '.' ? await realpath('.') : normalize(path).replace(/(?<=.)\/+$/, '')
}

async function statOf(path: string) {
  return lstat(path).catch((cause: Error) => {
    throw new UploadError(`${path} cannot be read: ${cause.message}`, { cause })
  })
}

async function entriesOf(path: string, hidden: boolean): Promise<string[]> {
  const names = await readdir(path).catch((cause: Error) => {
    throw new UploadError(`${path} cannot be read: ${cause.message}`, { cause })
  })
  return names.filter((name) => hidden || !name.startsWith('.')).sort()
}

/** Bytes that are read from a file at once. */
const chunkSize = 256 * 1024

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: chunkSize }) as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new UploadError(`${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

function fromWeb(address: string, signal: AbortSignal | undefined): Upload {
  const name = decodeURIComponent(basename(new URL(address).pathname)) || new URL(address).hostname
  return { kind: 'file', path: name, content: download(address, signal), source: address }
}

async function* download(address: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let response: Response
  try {
    response = await fetch(address, signal ? { signal } : {})
  } catch (cause) {
    signal?.throwIfAborted()
    throw new UploadError(`${address} cannot be fetched: ${(cause as Error).message}`, { cause })
  }
  if (!response.ok) throw new UploadError(`${address} cannot be fetched: it answered ${response.status}`)
  yield* response.body ?? []
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
