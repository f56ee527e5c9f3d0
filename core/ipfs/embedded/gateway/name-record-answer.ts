/** The signed record of a name, for clients that check it themselves. */
import { createHash } from 'node:crypto'
import type { Answer } from './answer.ts'
import type { BlockReading } from './block-reading.ts'
import { cacheControl, matches } from './caching.ts'
import { disposition } from './disposition.ts'
import { GatewayError } from './errors.ts'
import { mediaTypes } from './negotiation.ts'
import { contentLocation, type GatewayRequest } from './request.ts'

export async function nameRecordAnswer(request: GatewayRequest, blocks: BlockReading): Promise<Answer> {
  const { path, pathname, filename, ifNoneMatch } = request
  if (path.namespace !== 'ipns' || path.segments.length > 0) {
    throw new GatewayError(400, 'only names have records: ask for /ipns/<key> and nothing below it')
  }
  // Who checks it wants the newest, and to keep it for as long as it says.
  const { record, ttl } = await blocks.refreshName(path.root)
  if (record === undefined) {
    throw new GatewayError(400, `${path.root} is a domain, which has no record: ask for /ipns/<key>`)
  }
  const etag = `"${createHash('sha256').update(record).digest('base64url').slice(0, 22)}"`
  const headers = {
    etag,
    'cache-control': cacheControl(true, ttl),
    'x-ipfs-path': pathname,
    ...contentLocation(request),
    'x-content-type-options': 'nosniff',
  }
  if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: undefined }
  return {
    status: 200,
    headers: {
      ...headers,
      'content-type': mediaTypes['ipns-record'],
      'content-length': String(record.length),
      'content-disposition': disposition('attachment', filename ?? `${path.root}.ipns-record`),
    },
    body: record,
  }
}
