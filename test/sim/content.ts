/** CIDs and pins to play with. */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { PeerIdText, Pin } from '../../core/pin/pin.ts'

/** The CID of the raw block that holds `name`. */
export function contentCid(name: string): CID {
  const hash = new Bun.CryptoHasher('sha256').update(name).digest()
  return CID.createV1(0x55, createDigest(0x12, new Uint8Array(hash)))
}

/** A recursive pin of `cid`, everywhere, with what `change` says. */
export function pinOf(cid: CID, change: Partial<Pin> = {}): Pin {
  const direct = change.mode === 'direct'
  return {
    cid,
    type: 'data',
    allocations: [],
    maxDepth: direct ? 0 : -1,
    replicationFactorMin: -1,
    replicationFactorMax: -1,
    name: '',
    mode: 'recursive',
    shardSize: 0n,
    userAllocations: [],
    metadata: {},
    origins: [],
    ...change,
  }
}

/** A pin that only `holders` hold. */
export function allocatedPin(cid: CID, holders: PeerIdText[], change: Partial<Pin> = {}): Pin {
  const copies = { replicationFactorMin: holders.length, replicationFactorMax: holders.length }
  return pinOf(cid, { allocations: holders, ...copies, ...change })
}

/** The last characters of a CID tell it apart well enough. */
export function short(cid: CID): string {
  return `…${cid.toString().slice(-6)}`
}

/** Bytes of the content behind a CID, 1 to 100. */
export function sizeOf(cid: CID): number {
  return 1 + ((cid.multihash.digest[0] ?? 0) % 100)
}
