/**
 * The name of a pin in the replicated pinset: a slash and the upper-case base32, without padding, of the full CID bytes
 * (`spec/wire.md` §4.1). Version 0 and version 1 forms of one multihash are different pins.
 */
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { InvalidPinKeyError } from './errors.ts'
import { MAX_CID_BYTES } from './limits.ts'

/** Longest key that can name a pin, characters. */
export const MAX_PIN_KEY_LENGTH = 1 + Math.ceil((MAX_CID_BYTES * 8) / 5)

/** `/CIQ…` for version 0, `/AFYB…` for dag-pb of version 1, and so on. */
export function pinKey(cid: CID): string {
  return `/${base32upper.baseEncode(cid.bytes)}`
}

/** The CID that a key names. Throws `InvalidPinKeyError`, also for other spellings of the same CID. */
export function parsePinKey(key: string): CID {
  if (key.length > MAX_PIN_KEY_LENGTH) {
    throw new InvalidPinKeyError(`key of ${key.length} characters is too long for a pin`)
  }
  const cid = key.startsWith('/') ? decodeKeyText(key.slice(1)) : undefined
  if (cid === undefined || pinKey(cid) !== key) {
    throw new InvalidPinKeyError(`key ${JSON.stringify(key)} is not / and the upper-case base32 of a CID`)
  }
  return cid
}

function decodeKeyText(text: string): CID | undefined {
  try {
    return CID.decode(base32upper.baseDecode(text) as Uint8Array<ArrayBuffer>)
  } catch {
    return undefined
  }
}
