/** Settings that name peers. */
import { parsePeerId } from '../pin/peer-id.ts'
import type { Kind } from './kind.ts'

export const peerIdText: Kind<string> = {
  what: 'a peer ID such as "12D3KooW…"',
  zero: '',
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' ? normalised(json) : undefined),
  fromText: normalised,
  toJson: (value) => value,
}

/** `*` stands for every peer. */
export const peerIdOrAll: Kind<string> = {
  ...peerIdText,
  what: 'a peer ID such as "12D3KooW…", or "*" for all',
  fromJson: (json) => (json === '*' ? '*' : peerIdText.fromJson(json)),
  fromText: (written) => (written === '*' ? '*' : peerIdText.fromText(written)),
}

/** True for an address that says who is met there: somebody else is nobody to a peer. */
export function namesPeer(address: string): boolean {
  return /.\/(p2p|ipfs)\/[^/]+$/.test(address)
}

function normalised(written: string): string | undefined {
  try {
    return parsePeerId(written)
  } catch {
    return undefined
  }
}
