/**
 * Keys of the replicated pinset as the tables have them: the bytes of the CID that the key names, so that rows are small
 * and in the order of CIDs. A key that names no CID has no row: only a foreign program could have written it.
 */
import { CID } from 'multiformats/cid'
import { parsePinKey } from '../pin/key.ts'
import type { KeyBytes } from './tables.ts'

/** From the key of a delta, such as `/AFYB…`. Undefined when it names no CID. */
export function keyBytesOfText(text: string): KeyBytes | undefined {
  try {
    return parsePinKey(text).bytes
  } catch {
    return undefined
  }
}

export function cidOfKey(key: KeyBytes): CID {
  return CID.decode(key as Uint8Array<ArrayBuffer>)
}
