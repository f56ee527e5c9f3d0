/** Paths that are pinned: `/ipfs/<cid>/…`, `/ipld/<cid>/…`, `/ipns/<name>/…`. */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../../error-text.ts'
import { parseCid } from '../../pin/cid-text.ts'
import { RequestError } from './errors.ts'

/** The path without needless slashes, and its CID when it is nothing but `/ipfs/<cid>`. Throws `RequestError`. */
export function parsePinPath(text: string): { path: string; cid: CID | undefined } {
  const [namespace, root, ...rest] = text.split('/').filter(Boolean)
  const path = `/${[namespace, root, ...rest].join('/')}`
  if (namespace === 'ipns') return { path, cid: undefined }
  try {
    const cid = parseCid(root ?? '')
    return { path, cid: namespace === 'ipfs' && rest.length === 0 ? cid : undefined }
  } catch (cause) {
    throw new RequestError(`error parsing path: invalid path ${JSON.stringify(text)}: ${messageOf(cause)}`, {
      cause,
    })
  }
}
