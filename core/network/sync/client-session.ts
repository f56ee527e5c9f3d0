/** The opener's side of one session (`protocol.ts`), without I/O: what to send, and what of the answers to take. */
import type { CID } from 'multiformats/cid'
import { MAX_BLOCK_BYTES } from '../../crdt/limits.ts'
import { type Sha256, sha256 as slowSha256 } from '../../crdt/sha256.ts'
import type { DagBlock, Store } from '../../runtime/store.ts'
import { SyncError } from '../errors.ts'
import { readBlockHeader } from './block-header.ts'
import { Bits, cidOfDigest, DigestList, packed, unpacked } from './digests.ts'
import { OwnHistory } from './own-history.ts'
import { type Answer, directBlocks, directBytes, maxListed, maxNamed, type Request } from './protocol.ts'

export type SessionStore = Pick<Store, 'heads' | 'block' | 'hasBlock'>

/** What to do after an answer. */
export interface Step {
  send?: Request
  /** In this order to be merged. */
  blocks?: DagBlock[]
  done?: boolean
}

type State = 'asked' | 'listing' | 'listed' | 'direct' | 'done'

/** Heads that are named, the highest ones. */
const namedHeads = 256

export class ClientSession {
  readonly #store: SessionStore
  readonly #wants: readonly CID[]
  /** A fresh peer has nothing, which need not be looked up a million times. */
  readonly #isEmpty: boolean
  readonly #own: OwnHistory
  readonly #hash: Sha256
  #state: State = 'asked'
  readonly #list = new DigestList(maxListed)
  /** Position in the list of the next block, from its end. */
  #next = 0
  #directCount = 0
  #directBytes = 0

  constructor(store: SessionStore, wants: readonly CID[], hash: Sha256 = slowSha256) {
    this.#store = store
    this.#wants = wants.slice(0, maxNamed)
    this.#hash = hash
    const heads = [...store.heads()].sort((a, b) => Number(b.priority - a.priority)).slice(0, namedHeads)
    this.#isEmpty = heads.length === 0
    this.#own = new OwnHistory(
      heads.map(({ cid }) => cid.multihash.digest),
      (digest) => {
        const bytes = store.block(cidOfDigest(digest))
        return bytes === undefined ? undefined : readBlockHeader(bytes)
      },
    )
  }

  /** The first frame. */
  begin(): Request {
    return this.#want(packed(this.#wants.map(({ multihash }) => multihash.digest)))
  }

  /** Blocks that are still to come, as far as known. */
  get left(): number {
    return this.#state === 'listed' ? this.#next + 1 : 0
  }

  /** Throws `SyncError` for an answer that does not fit. */
  take(answer: Answer): Step {
    switch (answer.kind) {
      case 'refused':
        throw new SyncError(`the other peer refuses: ${answer.reason}`)
      case 'deeper':
        this.#require('asked')
        if (!this.#own.more) throw new SyncError('older blocks are asked for than there are')
        return { send: this.#want(new Uint8Array(0)) }
      case 'listed':
        return this.#listed(answer.digests, answer.last)
      case 'blocks':
        return {
          blocks: this.#state === 'listed' ? this.#selected(answer.blocks) : this.#unlisted(answer.blocks),
        }
      case 'end':
        return this.#end()
    }
  }

  #want(wants: Uint8Array): Request {
    const named = this.#own.next()
    return { kind: 'want', wants, haves: packed(named), more: this.#own.more }
  }

  #listed(digests: Uint8Array, last: boolean): Step {
    this.#require('asked', 'listing')
    this.#state = 'listing'
    for (const digest of unpacked(digests)) this.#list.push(digest, !this.#has(digest))
    if (!last) return {}
    this.#state = 'listed'
    const bits = Bits.ofSize(this.#list.size)
    let selected = 0
    for (let index = 0; index < this.#list.size; index++) {
      if (!this.#list.isMarked(index)) continue
      bits.set(index)
      selected++
    }
    this.#next = this.#list.size
    this.#moveOn()
    return { send: { kind: 'select', bits: selected === this.#list.size ? new Uint8Array(0) : bits.bytes } }
  }

  #has(digest: Uint8Array): boolean {
    return !this.#isEmpty && this.#store.hasBlock(cidOfDigest(digest))
  }

  #selected(blocks: Uint8Array[]): DagBlock[] {
    return blocks.map((bytes) => {
      if (this.#next < 0) throw new SyncError('more blocks than were asked for')
      const cid = cidOfDigest(this.#list.at(this.#next))
      this.#check(bytes, cid)
      this.#moveOn()
      return { cid, bytes }
    })
  }

  /** Moves to the next block that was selected; −1 after the last. */
  #moveOn(): void {
    this.#next--
    while (this.#next >= 0 && !this.#list.isMarked(this.#next)) this.#next--
  }

  #unlisted(blocks: Uint8Array[]): DagBlock[] {
    this.#require('asked', 'direct')
    this.#state = 'direct'
    this.#directCount += blocks.length
    for (const { length } of blocks) this.#directBytes += length
    if (this.#directCount > directBlocks || this.#directBytes > directBytes) {
      throw new SyncError('more blocks than may come unasked')
    }
    const named = blocks.map((bytes) => ({ cid: cidOfDigest(this.#hash(bytes)), bytes }))
    return named.filter(({ cid }) => !this.#store.hasBlock(cid))
  }

  #check(bytes: Uint8Array, cid: CID): void {
    if (bytes.length > MAX_BLOCK_BYTES) throw new SyncError(`block ${cid} has ${bytes.length} bytes`)
    if (Buffer.compare(this.#hash(bytes), cid.multihash.digest) !== 0) {
      throw new SyncError(`what came for block ${cid} has another hash`)
    }
  }

  #end(): Step {
    if (this.#state === 'listed' && this.#next >= 0)
      throw new SyncError(`${this.#next + 1} blocks did not come`)
    if (this.#state === 'listing') throw new SyncError('the list of names did not end')
    this.#state = 'done'
    return { done: true }
  }

  #require(...states: State[]): void {
    if (!states.includes(this.#state)) throw new SyncError(`an answer that does not fit to "${this.#state}"`)
  }
}
