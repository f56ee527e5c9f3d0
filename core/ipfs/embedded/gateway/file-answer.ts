/** Files of UnixFS, whole or in part. */
import { openUnixfs, type UnixfsEntry } from '../dag/unixfs-reader.ts'
import { BlockNotHereError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { etagOf } from './caching.ts'
import { contentAnswer } from './content-answer.ts'
import { sniffLength, typeOfBytes, typeOfName } from './content-type.ts'
import { disposition } from './disposition.ts'
import type { Found } from './found.ts'

type File = UnixfsEntry & { type: 'file' }

/** `name`: the one in the path, if it has one. */
export function fileAnswer(found: Found, file: File, name: string | undefined): Promise<Answer> {
  const { cid, request } = found
  const { filename, download } = request
  return contentAnswer(found, {
    etag: etagOf(cid),
    type: async ({ start }) =>
      typeOfName(filename ?? name) ?? (start === 0 ? await sniff(file) : await sniffLocal(found)),
    size: file.size,
    disposition:
      download || filename !== undefined
        ? disposition(download ? 'attachment' : 'inline', filename ?? name ?? String(cid))
        : undefined,
    bytes: (range) => file.content(range),
  })
}

/** The target of a symbolic link, as Kubo gives it: nothing says that it lies in the same folder, or in any. */
export function symlinkAnswer(found: Found, target: string): Promise<Answer> {
  const bytes = new TextEncoder().encode(target)
  return contentAnswer(found, {
    etag: etagOf(found.cid),
    type: async () => 'inode/symlink',
    size: bytes.length,
    disposition: undefined,
    bytes: ({ start, end }) => bytes.subarray(start, end),
  })
}

async function sniff(file: File): Promise<string> {
  const end = Math.min(sniffLength, file.size)
  const chunks: Uint8Array[] = []
  for await (const chunk of file.content({ start: 0, end })) chunks.push(chunk)
  return typeOfBytes(Buffer.concat(chunks), end === file.size)
}

/** For parts that begin later: no block is fetched only to learn the type. Undefined when the first one is not here. */
async function sniffLocal({ cid, blocks }: Found): Promise<string | undefined> {
  try {
    const file = await openUnixfs(cid, { read: blocks.readLocal })
    return file.type === 'file' ? await sniff(file) : undefined
  } catch (error) {
    if (error instanceof BlockNotHereError) return undefined
    throw error
  }
}
