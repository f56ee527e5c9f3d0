/** Writes files and folders as the multipart body that `POST /add` takes (`spec/rest-api.md §8`). */
import { bytesFromText } from '../runtime/byte-text.ts'

/** One entry of an upload; folders come before what is in them. Names and targets are texts of `textFromBytes`. */
export type Upload =
  | { kind: 'file'; path: string; content: AsyncIterable<Uint8Array>; source?: string }
  | { kind: 'directory'; path: string }
  | { kind: 'symlink'; path: string; target: string }

export interface MultipartBody {
  contentType: string
  content: AsyncIterable<Uint8Array>
}

export function multipartBody(uploads: AsyncIterable<Upload>, boundary: string): MultipartBody {
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    content: parts(uploads, boundary),
  }
}

const contentTypes = {
  file: 'application/octet-stream',
  directory: 'application/x-directory',
  symlink: 'application/symlink',
} as const

async function* parts(uploads: AsyncIterable<Upload>, boundary: string): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder()
  for await (const upload of uploads) {
    const headers = [
      `Content-Disposition: form-data; name="file"; filename="${escapedName(upload.path)}"`,
      `Content-Type: ${contentTypes[upload.kind]}`,
    ]
    if (upload.kind === 'file' && upload.source !== undefined) {
      headers.push(`Abspath-Encoded: ${encodeURIComponent(upload.source)}`)
    }
    yield text.encode(`--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`)
    if (upload.kind === 'file') yield* upload.content
    if (upload.kind === 'symlink') yield bytesFromText(upload.target)
    yield text.encode('\r\n')
  }
  yield text.encode(`--${boundary}--\r\n`)
}

/** Byte by byte, as the original's client does it: names are in any encoding. */
function escapedName(name: string): string {
  if (name.isWellFormed()) return encodeURIComponent(name)
  return Array.from(bytesFromText(name), (byte) =>
    byte < 0x80 ? encodeURIComponent(String.fromCharCode(byte)) : `%${byte.toString(16).toUpperCase()}`,
  ).join('')
}
