/** A file, or a folder with all that is in it, as a TAR. */
import { posix } from 'node:path'
import { pack, type TarImportCandidate } from 'it-tar'
import type { CID } from 'multiformats/cid'
import { type FolderEntry, openUnixfs, type ReadBlock, type UnixfsEntry } from '../dag/unixfs-reader.ts'
import { UnreadableNodeError } from '../errors.ts'
import { Turns } from '../turns.ts'
import type { Answer } from './answer.ts'
import { begun } from './begun.ts'
import { etagOf, matches } from './caching.ts'
import { disposition } from './disposition.ts'
import { GatewayError } from './errors.ts'
import { cached, type Found, notModified } from './found.ts'
import { mediaTypes } from './negotiation.ts'

/** Folders in folders, and characters of the name of a file with all of them. */
const maxDepth = 256
const maxName = 32_768
/** Of an entry, in units of `Turns`: its header is made and padded. */
const costOfEntry = 16
/** Bytes that are made before the head is sent, so that what fails early fails with a status. */
const firstBytes = 64 * 1024
/** From this size on the header has no room for it, and an extended one has it. */
const largeFile = 8 * 1024 ** 3
/** Nothing says when a file was changed: the same content is the same TAR. */
const modified = new Date(0)

export async function tarAnswer(found: Found): Promise<Answer> {
  const { cid, request, blocks } = found
  const etag = `W/${etagOf(cid, 'x-tar')}`
  const head = { ...found.head, ...cached(found, etag) }
  if (matches(request.ifNoneMatch, etag)) return notModified(head)
  const { type } = await openUnixfs(cid, { read: blocks.read })
  if (type === 'other') throw new GatewayError(406, `${cid} is no file or folder: it has no TAR`)
  const headers = {
    ...head,
    'content-type': mediaTypes.tar,
    'content-disposition': disposition('attachment', request.filename ?? `${cid}.tar`),
    'accept-ranges': 'none',
  }
  const body = await begun(pack()(entriesOf(cid, String(cid), blocks.read)), firstBytes)
  return { status: 200, headers, body }
}

/** Entries in the order of a walk depth first. The folders that are open are a list: a chain of calls would be slow. */
async function* entriesOf(root: CID, rootName: string, read: ReadBlock): AsyncGenerator<TarImportCandidate> {
  const turns = new Turns()
  const open: OpenFolder[] = []
  for (let next: Member | undefined = { cid: root, name: rootName }; next !== undefined; ) {
    await turns.spend(costOfEntry)
    const entry = await openUnixfs(next.cid, { read })
    yield candidateOf(next, entry)
    if (entry.type === 'folder') {
      if (open.length === maxDepth) {
        throw new UnreadableNodeError(next.cid, `it is more than ${maxDepth} folders deep`)
      }
      open.push({ ...next, entries: entry.entries() })
    }
    next = await nextMember(open)
  }
}

interface Member {
  cid: CID
  name: string
}

interface OpenFolder extends Member {
  entries: AsyncGenerator<FolderEntry>
}

/** Undefined when all folders have ended. */
async function nextMember(open: OpenFolder[]): Promise<Member | undefined> {
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const { value, done } = await folder.entries.next()
    if (!done) return { cid: value.cid, name: nameIn(folder.cid, folder.name, value.name) }
    open.pop()
  }
  return undefined
}

function candidateOf({ cid, name }: Member, entry: UnixfsEntry): TarImportCandidate {
  switch (entry.type) {
    case 'file': {
      const pax = entry.size >= largeFile && { pax: { size: String(entry.size) } }
      const header = { name, type: 'file' as const, size: entry.size, mtime: modified, ...pax }
      return { header, body: entry.content() }
    }
    case 'symlink':
      return { header: { name, type: 'symlink', linkname: entry.target, mode: 0o777, mtime: modified } }
    case 'folder':
      return { header: { name, type: 'directory', mtime: modified } }
    case 'other':
      throw new UnreadableNodeError(cid, 'it is no file or folder, and cannot be part of a TAR')
  }
}

/** What unpacks a TAR puts a file where its name says: that is never outside of the first folder. */
function nameIn(folder: CID, path: string, name: string): string {
  const full = posix.join(path, name)
  const [root] = path.split('/', 1)
  if (!full.startsWith(`${root}/`) || full.includes('\0') || full.length > maxName) {
    throw new UnreadableNodeError(
      folder,
      `the name ${JSON.stringify(name.slice(0, 120))} in it is none that a TAR may have`,
    )
  }
  return full
}
