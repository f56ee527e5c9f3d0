/**
 * What goes wrong inside the embedded node. `embedded-ipfs.ts` turns these into the `IpfsError`s of the contract, which
 * also name the call.
 */
import type { CID } from 'multiformats/cid'

/** Bytes cannot be checked against a CID of this hash function. */
export class UnsupportedHashError extends Error {
  override readonly name = 'UnsupportedHashError'
  constructor(cid: CID, why: string) {
    super(`blocks of ${cid} cannot be checked: ${why}`)
  }
}

/** The bytes are not those that the CID names. */
export class WrongBlockError extends Error {
  override readonly name = 'WrongBlockError'
  constructor(cid: CID, from: string) {
    super(`the bytes that came from ${from} for ${cid} do not match its hash`)
  }
}

export class BlockTooLargeError extends Error {
  override readonly name = 'BlockTooLargeError'
  constructor(cid: CID, size: number, limit: number) {
    super(`block ${cid} has ${size} bytes, at most ${limit} are taken: cut the content into smaller blocks`)
  }
}

/** The block is not here, and nobody else was asked for it, or there is nobody to ask. */
export class BlockNotHereError extends Error {
  override readonly name = 'BlockNotHereError'
  readonly cid: CID
  readonly why: string

  /** `why` continues the sentence. `place` is where it belongs. */
  constructor(cid: CID, why = '', place = '') {
    super(`block ${cid}${place} is not in the block store${why === '' ? '' : `, ${why}`}`)
    this.cid = cid
    this.why = why
  }
}

/** Nothing arrived for the stall timeout. */
export class StalledError extends Error {
  override readonly name = 'StalledError'
  readonly progress: { blocks: number; bytes: number }
  /** The block that was waited for longest, and what came of looking for it. */
  readonly missing: string | undefined
  constructor(progress: { blocks: number; bytes: number }, missing?: string) {
    super('nothing arrived for the whole stall timeout')
    this.progress = progress
    this.missing = missing
  }
}

/** No room for another block. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError'
  constructor(why: string, options?: ErrorOptions) {
    super(
      `the block store is full (${why}); remove pins and run the garbage collection, raise ` +
        'ipfs_connector.embedded.storage_max, or give the disk more room',
      options,
    )
  }
}

/** The files of the node cannot be used as they are. */
export class RepositoryError extends Error {
  override readonly name = 'RepositoryError'
}

/** Links of a block cannot be followed: unknown codec, or bytes that its codec does not take. */
export class UnreadableNodeError extends Error {
  override readonly name = 'UnreadableNodeError'
  constructor(cid: CID, why: string, options?: ErrorOptions) {
    super(`${cid} cannot be read: ${why}`, options)
  }
}

/** A multiaddr that cannot be used. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
  /** `key`: the setting that it is the value of, or what else it is. */
  constructor(address: string, key: string, why: string, options?: ErrorOptions) {
    super(`${key}: ${JSON.stringify(address)} ${why}`, options)
  }
}

/** The node cannot listen where it is told to. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  constructor(address: string, key: string, why: string, options?: ErrorOptions) {
    super(
      `the embedded IPFS node cannot listen on ${address}: ${why}; stop what uses it, or change ` +
        `ipfs_connector.embedded.${key}`,
      options,
    )
  }
}

/** What is given as a path or CID is none. */
export class PathError extends Error {
  override readonly name = 'PathError'
}

/** A path leads nowhere. */
export class PathNotFoundError extends Error {
  override readonly name = 'PathNotFoundError'
}

/** A name (`/ipns/…`) that cannot be resolved. */
export class NameError extends Error {
  override readonly name = 'NameError'
}
