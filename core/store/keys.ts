/**
 * Keys of the replicated pinset as the tables have them: the bytes of the CID that the key names, so that rows are small
 * and in the order of CIDs. A key that names no CID has no row: only a foreign program could have written it.
 */
import { CID } from 'multiformats/cid'
import { parsePinKey } from '../pin/key.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import type { KeyBytes } from './tables.ts'

/** From the key of a delta, such as `/AFYB…`. Undefined when it names no CID. */
export function keyBytesOfText(text: string): KeyBytes | undefined {
  const bytes = text.startsWith('/') ? decodeBase32(text, 1) : undefined
  if (bytes !== undefined && isPlainCid(bytes)) return bytes
  try {
    return parsePinKey(text).bytes
  } catch {
    return undefined
  }
}

export function textOfKeyBytes(key: KeyBytes): string {
  return `/${encodeBase32(key)}`
}

export function cidOfKey(key: KeyBytes): CID {
  return CID.decode(key as Uint8Array<ArrayBuffer>)
}

/** True for what nearly all CIDs are: sha2-256, version 0, or version 1 with a codec of one byte. */
function isPlainCid(bytes: Uint8Array): boolean {
  if (bytes.length === 34) return bytes[0] === 0x12 && bytes[1] === 0x20
  const codec = bytes[1] as number
  return bytes.length === 36 && bytes[0] === 1 && codec < 0x80 && bytes[2] === 0x12 && bytes[3] === 0x20
}
