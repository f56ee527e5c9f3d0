/** An IPFS node with a list of pins, on virtual time. What it lists is what was pinned when the list began. */
import type { CID } from 'multiformats/cid'
import type { Ipfs, IpfsFailureReason, IpfsPinState } from '../../../core/runtime/ipfs.ts'
import type { VirtualTime } from '../../sim/virtual-time.ts'

/** Rows that arrive together. */
const chunk = 300

type Mode = 'recursive' | 'direct'

export class ListedIpfs implements Pick<Ipfs, 'pins' | 'pinState'> {
  readonly pinned = new Map<string, { cid: CID; state: Mode }>()
  /** Lists that were begun. */
  lists = 0
  /** CIDs that were asked about, in order. */
  readonly asked: string[] = []
  /** Questions without an answer, and how many there were at most. */
  open = 0
  mostOpen = 0
  /** Rows after which the list breaks off. */
  breaksAfter = Number.POSITIVE_INFINITY
  /** Called before each chunk of a list. */
  beforeChunk: () => void = () => undefined
  /** Called when a question is asked; throws what it ends with. */
  onQuestion: (cid: CID) => void | Promise<void> = () => undefined
  readonly #time: VirtualTime

  constructor(time: VirtualTime) {
    this.#time = time
  }

  add(cid: CID, state: Mode = 'recursive'): void {
    this.pinned.set(cid.toString(), { cid, state })
  }

  async *pins({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<{ cid: CID; state: Mode }> {
    this.lists++
    // The order means nothing: here, that of a hash.
    const rows = [...this.pinned].sort(([a], [b]) => Number(Bun.hash.xxHash32(a)) - Bun.hash.xxHash32(b))
    for (const [at, [, row]] of rows.entries()) {
      if (at % chunk === 0) {
        this.beforeChunk()
        await this.#time.sleep(5)
        signal?.throwIfAborted()
      }
      if (at >= this.breaksAfter) throw failure('unreachable')
      yield row
    }
  }

  async pinState(cid: CID): Promise<IpfsPinState> {
    this.asked.push(cid.toString())
    this.mostOpen = Math.max(this.mostOpen, ++this.open)
    try {
      await this.#time.sleep(2)
      await this.onQuestion(cid)
      return this.pinned.get(cid.toString())?.state ?? 'unpinned'
    } finally {
      this.open--
    }
  }
}

export function failure(reason: IpfsFailureReason): Error {
  return Object.assign(new Error(reason), { reason })
}
