/** A file, or a folder with all that is in it, as a TAR. */
import { posix } from 'node:path'
import { pack, type TarImportCandidate } from 'it-tar'
import type { CID } from 'multiformats/cid'
import { openUnixfs, type ReadBlock } from '../dag/unixfs-reader.ts'
import { UnreadableNodeError } from '../errors.ts'
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
  const body = await begun(pack()(entriesOf(cid, String(cid), blocks.read, 0)), firstBytes)
  return { status: 200, headers, body }
}

async function* entriesOf(
  cid: CID,
  name: string,
  read: ReadBlock,
  depth: number,
): AsyncGenerator<TarImportCandidate> {
  if (depth > maxDepth) throw new UnreadableNodeError(cid, `it is more than ${maxDepth} folders deep`)
  const entry = await openUnixfs(cid, { read })
  switch (entry.type) {
    case 'file':
      yield {
        header: {
          name,
          type: 'file',
          size: entry.size,
          mtime: modified,
          ...(entry.size >= largeFile && { pax: { size: String(entry.size) } }),
        },
        body: entry.content(),
      }
      return
    case 'symlink':
      yield { header: { name, type: 'symlink', linkname: entry.target, mode: 0o777, mtime: modified } }
      return
    case 'other':
      throw new UnreadableNodeError(cid, 'it is no file or folder, and cannot be part of a TAR')
    case 'folder':
      yield { header: { name, type: 'directory', mtime: modified } }
      for await (const inner of entry.entries()) {
        yield* entriesOf(inner.cid, nameIn(cid, name, inner.name), read, depth + 1)
      }
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
