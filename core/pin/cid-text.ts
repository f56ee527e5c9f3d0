/** CIDs as users write them. */
import { base2 } from 'multiformats/bases/base2'
import { base8 } from 'multiformats/bases/base8'
import { base10 } from 'multiformats/bases/base10'
import { base16, base16upper } from 'multiformats/bases/base16'
import {
  base32,
  base32hex,
  base32hexpad,
  base32hexpadupper,
  base32hexupper,
  base32pad,
  base32padupper,
  base32upper,
  base32z,
} from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc, base58flickr } from 'multiformats/bases/base58'
import { base64, base64pad, base64url, base64urlpad } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { InvalidCidError } from './errors.ts'
import { MAX_CID_BYTES, MAX_CID_TEXT } from './limits.ts'

interface Base {
  readonly prefix: string
  decode(text: string): Uint8Array<ArrayBuffer>
}

const bases: readonly Base[] = [
  ...[base2, base8, base10, base16, base16upper, base36, base36upper, base58btc, base58flickr],
  ...[base32, base32upper, base32pad, base32padupper, base32z],
  ...[base32hex, base32hexupper, base32hexpad, base32hexpadupper],
  ...[base64, base64pad, base64url, base64urlpad],
]

/**
 * Reads a CID of version 0, or of version 1 in any multibase. Throws `InvalidCidError`; its text begins with
 * `invalid cid:` as in the original.
 */
export function parseCid(text: string): CID {
  if (text.length < 2) throw new InvalidCidError('invalid cid: cid too short')
  if (text.length > MAX_CID_TEXT) {
    throw new InvalidCidError(`invalid cid: ${text.length} characters, at most ${MAX_CID_TEXT} are read`)
  }
  const cid = decode(text)
  if (cid.bytes.length > MAX_CID_BYTES) {
    throw new InvalidCidError(`invalid cid: ${cid.bytes.length} bytes, at most ${MAX_CID_BYTES} are taken`)
  }
  return cid
}

function decode(text: string): CID {
  const isVersion0 = text.length === 46 && text.startsWith('Qm')
  const base = bases.find(({ prefix }) => text.startsWith(prefix))
  if (!isVersion0 && base === undefined) {
    throw new InvalidCidError('invalid cid: selected encoding not supported')
  }
  try {
    if (isVersion0 || base === undefined) return CID.parse(text)
    const cid = CID.decode(base.decode(text))
    if (cid.version === 1) return cid
  } catch (cause) {
    const why = messageOf(cause)
    throw new InvalidCidError(`invalid cid: ${JSON.stringify(text)}: ${why}`, { cause })
  }
  throw new InvalidCidError(
    `invalid cid: ${JSON.stringify(text)}: version 0 is written without a multibase prefix`,
  )
}
