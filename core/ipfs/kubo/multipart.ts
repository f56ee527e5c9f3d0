/** `multipart/form-data` as Kubo's file arguments take it: one part per block. */
import type { RpcBody } from './transport.ts'

/** `boundary` must not occur in the parts; 128 random bits see to that. */
export function multipartBody(parts: Iterable<Uint8Array>, boundary: string): RpcBody {
  const chunks: Uint8Array[] = []
  const partHead = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="block"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  for (const part of parts) chunks.push(partHead, part, partEnd)
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  return { contentType: `multipart/form-data; boundary=${boundary}`, chunks }
}

const partEnd = Buffer.from('\r\n')
