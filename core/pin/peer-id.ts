/**
 * Peer IDs: their text (`12D3Koo…`, `Qm…`) and the multihash bytes that protobuf and RPC carry. CIDv1 texts
 * (`bafz…`, `k51…`) are taken on input; the base58 form is what the program uses everywhere.
 */
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import { InvalidPeerIdError } from './errors.ts'
import { MAX_PEER_ID_BYTES } from './limits.ts'
import type { PeerIdText } from './pin.ts'

const LIBP2P_KEY = 0x72
const MAX_TEXT = 2 * MAX_PEER_ID_BYTES

/** Normalises any text form of a peer ID. Throws `InvalidPeerIdError`. */
export function parsePeerId(text: string): PeerIdText {
  return formatPeerId(peerIdBytes(text))
}

/** The multihash of a peer ID in any text form. Throws `InvalidPeerIdError`. */
export function peerIdBytes(text: string): Uint8Array {
  if (text.length > MAX_TEXT) {
    throw new InvalidPeerIdError(`peer ID of ${text.length} characters: at most ${MAX_TEXT} are allowed`)
  }
  const bytes = decodeText(text)
  if (bytes === undefined || !isMultihash(bytes)) {
    throw new InvalidPeerIdError(`${JSON.stringify(text)} is no peer ID: expected one like 12D3Koo… or Qm…`)
  }
  return bytes
}

/** The base58 text of a peer ID's multihash. Throws `InvalidPeerIdError`. */
export function formatPeerId(bytes: Uint8Array): PeerIdText {
  if (!isMultihash(bytes)) {
    throw new InvalidPeerIdError(
      `peer ID bytes (${bytes.length}) are no multihash of at most ${MAX_PEER_ID_BYTES}`,
    )
  }
  return base58btc.baseEncode(bytes)
}

/** Remembers the texts of recent peer IDs, for scans that meet the same few peers in every pin. */
export class PeerIdCache {
  readonly #known = new Map<number, { bytes: Uint8Array; text: PeerIdText }>()
  readonly #limit: number

  /** `limit`: entries kept; when full the cache starts over. */
  constructor(limit = 1024) {
    this.#limit = limit
  }

  /** As `formatPeerId`. */
  format(bytes: Uint8Array): PeerIdText {
    if (bytes.length > MAX_PEER_ID_BYTES) return formatPeerId(bytes)
    const hash = fnv1a(bytes)
    const known = this.#known.get(hash)
    if (known !== undefined && areEqual(known.bytes, bytes)) return known.text
    const text = formatPeerId(bytes)
    if (this.#known.size >= this.#limit) this.#known.clear()
    this.#known.set(hash, { bytes: bytes.slice(), text })
    return text
  }
}

/** FNV-1a, 32 bits: spreads well enough to find what is then compared. */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return hash
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function decodeText(text: string): Uint8Array | undefined {
  try {
    if (text.startsWith('1') || text.startsWith('Qm')) return base58btc.baseDecode(text)
    const cid = text.startsWith('k') ? CID.parse(text, base36) : CID.parse(text, base32)
    return cid.code === LIBP2P_KEY ? cid.multihash.bytes : undefined
  } catch {
    return undefined
  }
}

function isMultihash(bytes: Uint8Array): boolean {
  if (bytes.length > MAX_PEER_ID_BYTES) return false
  try {
    decodeMultihash(bytes as Uint8Array<ArrayBuffer>)
    return true
  } catch {
    return false
  }
}
