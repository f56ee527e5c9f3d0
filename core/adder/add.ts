/** The types of adding: what an upload holds, how it is to be cut into blocks, what comes out. */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, PinOptions } from '../pin/pin.ts'

/** One part of an upload, in the order of the body. `content` must be read to its end before the next part is asked for. */
export type UploadPart =
  | { kind: 'file'; path: string; content: AsyncIterable<Uint8Array> }
  | { kind: 'directory'; path: string }
  | { kind: 'symlink'; path: string; target: string }

/** The query of `POST /add` (`spec/rest-api.md` §8), checked. */
export interface AddParameters {
  pin: PinOptions
  format: 'unixfs' | 'car'
  layout: 'balanced' | 'trickle'
  /** `size-N`, `rabin…`, `buzhash`. */
  chunker: string
  /** Multihash name, such as `sha2-256`. */
  hash: string
  cidVersion: 0 | 1
  rawLeaves: boolean
  wrapWithDirectory: boolean
  shard: boolean
  local: boolean
  progress: boolean
  noPin: boolean
  nocopy: boolean
}

/** One line of the answer. Progress lines have no CID. */
export interface AddedOutput {
  name: string
  cid?: CID
  bytes?: number
  size?: number
  allocations?: PeerIdText[]
  /** What was added all the same, and is not as it should be. */
  warnings?: string[]
}
