/** CARs of what a path leads to, with the blocks on the way. */
import { createHash } from 'node:crypto'
import type { Answer } from './answer.ts'
import { etagOf, matches } from './caching.ts'
import type { CarParameters } from './car-parameters.ts'
import { carStream } from './car-stream.ts'
import { disposition } from './disposition.ts'
import { cached, type Found, notModified } from './found.ts'
import { mediaTypes } from './negotiation.ts'

export async function carAnswer(found: Found, parameters: CarParameters): Promise<Answer> {
  const { cid, roots, way, request, blocks } = found
  const { filename, ifNoneMatch } = request
  const variant = createHash('sha256')
    .update(JSON.stringify([roots.map(String), parameters]))
    .digest('base64url')
    .slice(0, 16)
  const etag = `W/${etagOf(cid, `car.${variant}`)}`
  const head = { ...found.head, ...cached(found, etag) }
  if (matches(ifNoneMatch, etag)) return notModified(head)
  // Read here, so that what cannot be had is an answer of its own and no broken CAR.
  await blocks.read(cid)
  const source = { read: blocks.read, idOf: (block: typeof cid) => blocks.idOf(block) }
  const headers = {
    ...head,
    'content-type': `${mediaTypes.car}; version=1; order=dfs; dups=${parameters.duplicates ? 'y' : 'n'}`,
    'content-disposition': disposition('attachment', filename ?? `${cid}.car`),
    'accept-ranges': 'none',
  }
  return { status: 200, headers, body: carStream({ root: cid, way, parameters, source }) }
}
