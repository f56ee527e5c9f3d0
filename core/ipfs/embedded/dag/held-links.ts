/**
 * The links of nodes that a walk is in the middle of. The blocks of all of them may not fit into memory: those that were
 * opened first are let go, and read again when the walk comes back to them.
 */
import type { CID } from 'multiformats/cid'
import { linksIn } from './node-links.ts'

/** Bytes of blocks whose links are being followed, at most; one more block may be held beside them. */
const maxHeldBytes = 8 * 1024 * 1024

/** A node, and how many of its links were taken. */
export interface LinkPosition {
  readonly cid: CID
  taken: number
}

type Links = Generator<CID | undefined, void>

export class HeldLinks {
  readonly #held = new Map<LinkPosition, { links: Links; bytes: number }>()
  #bytes = 0

  /** The links from `position` on; undefined when they are not held, and `open` has to be called. */
  get(position: LinkPosition): Links | undefined {
    return this.#held.get(position)?.links
  }

  /** Throws `UnreadableNodeError`. */
  open(position: LinkPosition, block: Uint8Array): Links {
    const links = linksIn(position.cid, block)
    for (let left = position.taken; left > 0; ) if (links.next().value !== undefined) left--
    this.#held.set(position, { links, bytes: block.length })
    this.#bytes += block.length
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= maxHeldBytes || oldest === position) break
      this.close(oldest)
    }
    return links
  }

  close(position: LinkPosition): void {
    this.#bytes -= this.#held.get(position)?.bytes ?? 0
    this.#held.delete(position)
  }
}
