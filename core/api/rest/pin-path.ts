/** Paths that are pinned: `/ipfs/<cid>/…`, `/ipld/<cid>/…`, `/ipns/<name>/…`. */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../../error-text.ts'
import { parseCid } from '../../pin/cid-text.ts'
import { parsePeerId } from '../../pin/peer-id.ts'
import { RequestError } from './errors.ts'

/** Characters of a path that an error repeats. */
const toldLength = 120
/** Characters of a domain (RFC 1035). */
const maxDomainLength = 253

/** The path without needless slashes, and its CID when it is nothing but `/ipfs/<cid>`. Throws `RequestError`. */
export function parsePinPath(text: string): { path: string; cid: CID | undefined } {
  const [namespace, root, ...rest] = text.split('/').filter(Boolean)
  const path = `/${[namespace, root, ...rest].join('/')}`
  try {
    if (namespace === 'ipns') {
      checkName(root ?? '')
      return { path, cid: undefined }
    }
    const cid = parseCid(root ?? '')
    return { path, cid: namespace === 'ipfs' && rest.length === 0 ? cid : undefined }
  } catch (cause) {
    const told = JSON.stringify(text.length > toldLength ? `${text.slice(0, toldLength)}…` : text)
    throw new RequestError(`error parsing path: invalid path ${told}: ${messageOf(cause)}`, { cause })
  }
}

/** Throws for what is neither a domain nor a key, so that no IPFS node is asked for it. */
function checkName(name: string): void {
  const labels = name.split('.')
  const isDomain =
    name.length <= maxDomainLength &&
    labels.length > 1 &&
    labels.every((label, index) => labelPattern.test(label) || (label === '' && index === labels.length - 1))
  if (isDomain) return
  try {
    parsePeerId(name)
  } catch (cause) {
    throw new Error('the name is neither a domain nor the ID of a key', { cause })
  }
}

/** Letters of all scripts are left to the resolver. */
const labelPattern = /^[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}_-]{0,61}[\p{L}\p{N}\p{M}_])?$/u
