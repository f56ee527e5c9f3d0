/** Finds what is to be uploaded: files, folders, addresses on the web, and a stream such as stdin. */
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, lstat, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { messageOf } from '../error-text.ts'
import { bytesFromText, textFromBytes } from '../runtime/byte-text.ts'
import { UploadError } from './errors.ts'
import { unescaped } from './pin-path.ts'
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

export interface Survey {
  /** Bytes that will be read, where all sizes are known before. */
  size: number | undefined
  /** Arguments that are links, and will be added as links. */
  links: string[]
}

/** Looks at all that will be uploaded, before a byte of it is. Throws `UploadError` for what cannot be. */
export async function survey(selection: FileSelection): Promise<Survey> {
  const found: Survey = { size: 0, links: [] }
  for (const path of selection.paths) {
    if (path === '') throw new UploadError('a path is empty; in a script, an unset variable is')
    if (isStdin(path) || isWebAddress(path)) {
      found.size = undefined
      continue
    }
    const top = await topOf(path)
    if (!top.follow && (await statOf(top.path, false)).isSymbolicLink()) found.links.push(path)
    const size = await sizeOf(top.path, selection, top)
    if (found.size !== undefined) found.size = size === undefined ? undefined : found.size + size
  }
  return found
}

/** The uploads in order, each folder sorted. Throws `UploadError` for what cannot be read, before its part begins. */
export async function* walk(selection: FileSelection): AsyncGenerator<Upload> {
  for (const path of selection.paths) {
    selection.signal?.throwIfAborted()
    if (isStdin(path)) yield { kind: 'file', path: 'stdin', content: selection.stdin ?? nothing() }
    else if (isWebAddress(path)) yield fromWeb(path, selection.signal)
    else {
      const top = await topOf(path)
      yield* walkPath(top.path, top.name, selection, top)
    }
  }
}

export function isWebAddress(path: string): boolean {
  return /^https?:\/\//i.test(path)
}

/** Not to be opened again by its name: where stdin is a socket, that cannot be done. */
function isStdin(path: string): boolean {
  return ['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'].includes(path)
}

/** An argument: where it is, its name in the upload, and what may be there. */
interface Top {
  path: string
  name: string
  /** A link stands for what it leads to. */
  follow: boolean
  /** A pipe of the shell, as of `<(…)`. */
  mayBePipe: boolean
}

/** Below the top. */
const inside = { follow: false, mayBePipe: false }

type Place = Pick<Top, 'follow' | 'mayBePipe'>

/**
 * `.`, `..` and what ends in them have no name of their own: they are the folder that they stand for. A slash at the end
 * asks for a folder, so that a link is followed. What the shell hands over below /dev/fd is followed, too.
 */
async function topOf(written: string): Promise<Top> {
  const trimmed = written.replace(/(?<=.)\/+$/s, '')
  if (/^\/(dev|proc\/self)\/fd\/\d+$/.test(trimmed)) {
    return { path: trimmed, name: lastName(trimmed), follow: true, mayBePipe: true }
  }
  if (['.', '..'].includes(lastName(trimmed))) {
    const path = await realpath(trimmed).catch((cause) => unreadable(trimmed, cause))
    return { path, name: lastName(path), ...inside }
  }
  const path = await foundPath(trimmed)
  return { path, name: lastName(path), follow: trimmed !== written, mayBePipe: false }
}

/** Arguments are read as UTF-8. The name of a file that is in another encoding is looked for in its folder. */
async function foundPath(path: string): Promise<string> {
  const name = lastName(path)
  if (!name.includes('\ufffd') || (await lstat(path).catch(() => undefined)) !== undefined) return path
  const folder = path.slice(0, path.length - name.length)
  const names = (await namesIn(folder === '' ? '.' : folder)).filter((each) => shown(each) === name)
  return names.length === 1 ? `${folder}${names[0]}` : path
}

async function* walkPath(
  path: string,
  name: string,
  selection: FileSelection,
  place: Place,
): AsyncGenerator<Upload> {
  const found = await statOf(path, place.follow)
  if (found.isSymbolicLink()) yield { kind: 'symlink', path: name, target: await targetOf(path) }
  else if (found.isDirectory()) {
    requireRecursive(path, selection, place)
    yield { kind: 'directory', path: name }
    for (const entry of await entriesOf(path, selection.hidden)) {
      yield* walkPath(`${path}/${entry}`, `${name}/${entry}`, selection, inside)
    }
  } else {
    requireContent(path, found, place)
    yield { kind: 'file', path: name, content: contentOf(path) }
  }
}

/** Undefined for what has no size. Asks of each file whether it can be read. */
async function sizeOf(path: string, selection: FileSelection, place: Place): Promise<number | undefined> {
  const found = await statOf(path, place.follow)
  if (found.isSymbolicLink()) {
    await targetOf(path)
    return 0
  }
  if (!found.isDirectory()) {
    requireContent(path, found, place)
    if (!found.isFile()) return undefined
    await access(bytesFromText(path), constants.R_OK).catch((cause) => unreadable(path, cause))
    return found.size
  }
  requireRecursive(path, selection, place)
  let size = 0
  for (const entry of await entriesOf(path, selection.hidden)) {
    selection.signal?.throwIfAborted()
    size += (await sizeOf(`${path}/${entry}`, selection, inside)) ?? 0
  }
  return size
}

function requireRecursive(path: string, { recursive }: FileSelection, place: Place): void {
  if (place === inside || recursive) return
  throw new UploadError(
    `${shown(path)} is a directory, but Recursive option is not set; add it with --recursive`,
  )
}

type Stat = Stats

function requireContent(path: string, found: Stat, { mayBePipe }: Place): void {
  if (found.isFile() || (mayBePipe && found.isFIFO())) return
  const what = found.isFIFO()
    ? 'a named pipe'
    : found.isSocket()
      ? 'a socket'
      : found.isCharacterDevice() || found.isBlockDevice()
        ? 'a device'
        : 'neither a file nor a folder nor a link'
  throw new UploadError(
    `${shown(path)} is ${what}, which cannot be added; add what it gives with "cluster add - < ${shown(path)}"`,
  )
}

async function statOf(path: string, follow: boolean): Promise<Stat> {
  const bytes = bytesFromText(path)
  return (follow ? stat(bytes) : lstat(bytes)).catch((cause) => unreadable(path, cause))
}

async function entriesOf(path: string, hidden: boolean): Promise<string[]> {
  return (await namesIn(path)).filter((name) => hidden || !name.startsWith('.')).sort()
}

async function namesIn(path: string): Promise<string[]> {
  const names = await readdir(bytesFromText(path), { encoding: 'buffer' }).catch((cause) =>
    unreadable(path, cause),
  )
  return names.map(textFromBytes)
}

async function targetOf(path: string): Promise<string> {
  const target = await readlink(bytesFromText(path), { encoding: 'buffer' }).catch((cause) =>
    unreadable(path, cause),
  )
  return textFromBytes(target)
}

/** Bytes that are read from a file at once. */
const chunkSize = 256 * 1024

async function opened(path: string): Promise<FileHandle> {
  return await open(bytesFromText(path)).catch((cause) => unreadable(path, cause))
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await opened(path)
  try {
    for (;;) {
      const { buffer, bytesRead } = await file
        .read(Buffer.allocUnsafe(chunkSize), 0, chunkSize, null)
        .catch((cause) => unreadable(path, cause))
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

function unreadable(path: string, cause: unknown): never {
  throw new UploadError(`${shown(path)} cannot be read: ${messageOf(cause).replace(/ '.*'$/s, '')}`, {
    cause,
  })
}

/** As `basename` of the platform, which loses the bytes of other encodings. */
function lastName(path: string): string {
  const trimmed = path.replace(/\/+$/, '')
  return trimmed.slice(trimmed.lastIndexOf('/') + 1)
}

/** As a terminal shows a name, whatever its encoding. */
function shown(path: string): string {
  return path.isWellFormed() ? path : bytesFromText(path).toString()
}

function fromWeb(address: string, signal: AbortSignal | undefined): Upload {
  if (!URL.canParse(address)) throw new UploadError(`${address} is not an address on the web`)
  const url = new URL(address)
  return { kind: 'file', path: nameOf(url), content: download(address, signal), source: address }
}

/** The last name of an address; as it is written where its escapes stand for what no name has. */
function nameOf(url: URL): string {
  const written = lastName(url.pathname)
  const name = unescaped(written)
  return (/[/\0]/.test(name) || ['.', '..'].includes(name) ? written : name) || url.hostname
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
