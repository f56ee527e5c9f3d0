/**
 * Walks through a DAG, each block once, several at a time. Memory is bounded: a bitmap of what was visited, and a stack
 * that takes the links of wide nodes in portions once it is long.
 */
import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/block-hash.ts'
import type { BlockPlace } from '../blocks/block-writer.ts'
import { IdSet } from '../blocks/id-set.ts'
import { BlockNotHereError } from '../errors.ts'
import { hasNoLinks, linksOf } from './node-links.ts'

export interface DagWalkInit {
  /** Blocks that are on their way at the same time. */
  concurrency: number
  signal: AbortSignal
  /** Where a block is; undefined when it is not here. */
  locate(cid: CID): BlockPlace | undefined
  /** Gets a block that is not here. Undefined leaves it, and what only it links to, out. */
  obtain(cid: CID, signal: AbortSignal): Promise<BlockPlace | undefined>
  read(cid: CID): Promise<Uint8Array | undefined>
  /** Called once for each block. */
  onVisit?(cid: CID, place: BlockPlace): void
}

/** From this many entries on the stack takes nodes in portions. */
const longStack = 20_000
const portion = 512
/** Links looked up in one turn of the event loop. */
const linksPerTurn = 256
const dagPb = 0x70

interface Step {
  cid: CID
  /** The block is here and was counted; its links are to be followed. */
  entered: boolean
  /** The first link that was not taken yet. */
  from: number
}

export class DagWalk {
  /** Blocks visited by all walks so far. */
  readonly visited = new IdSet()
  /** Those whose links were followed: the same bytes may be linked to as raw too, and are then no more than visited. */
  readonly #followed = new IdSet()
  readonly #init: DagWalkInit
  readonly #stack: Step[] = []
  /** Stops what is on its way once the walk has failed. */
  readonly #stop = new AbortController()
  #active = 0
  #failure: unknown
  #linksLeft = linksPerTurn
  #turn: Promise<void> | undefined
  #change = Promise.withResolvers<void>()

  constructor(init: DagWalkInit) {
    this.#init = init
  }

  /**
   * Visits what can be reached from `root` and was not visited before. Rejects with `UnreadableNodeError`, with what
   * `obtain` rejected with, or with the reason of the signal.
   */
  async run(root: CID): Promise<void> {
    const stop = () => this.#fail(this.#init.signal.reason)
    this.#init.signal.addEventListener('abort', stop)
    try {
      if (this.#init.signal.aborted) stop()
      else this.#stack.push({ cid: root, entered: false, from: 0 })
      await Promise.all(Array.from({ length: this.#init.concurrency }, () => this.#work()))
    } finally {
      this.#init.signal.removeEventListener('abort', stop)
      this.#stack.length = 0
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  async #work(): Promise<void> {
    while (this.#failure === undefined) {
      const step = this.#stack.pop()
      if (step === undefined) {
        if (this.#active === 0) break
        await this.#change.promise
        continue
      }
      this.#active++
      try {
        await this.#take(step)
      } catch (error) {
        this.#fail(error)
      }
      this.#active--
      this.#changed()
    }
  }

  async #take({ cid, entered, from }: Step): Promise<void> {
    if (!entered && inlineBlock(cid) === undefined) {
      const place = this.#init.locate(cid) ?? (await this.#init.obtain(cid, this.#stop.signal))
      if (place === undefined || !this.#enter(cid, place)) return
    }
    if (hasNoLinks(cid.code)) return
    const bytes = await this.#init.read(cid)
    if (bytes === undefined) throw new BlockNotHereError(cid)
    await this.#follow(cid, linksOf(cid, bytes), from)
  }

  async #follow(node: CID, links: CID[], from: number): Promise<void> {
    let end = links.length
    if (this.#stack.length > longStack && end - from > portion) {
      end = from + portion
      this.#stack.push({ cid: node, entered: true, from: end })
    }
    for (const link of links.slice(from, end)) {
      if (--this.#linksLeft <= 0) await this.#nextTurn()
      const place = this.#init.locate(link)
      const entered = place !== undefined
      if (!entered || this.#enter(link, place)) this.#stack.push({ cid: link, entered, from: 0 })
    }
    this.#changed()
  }

  /** Counts a visit. True when there is more to do: its links are to be followed. */
  #enter(cid: CID, place: BlockPlace): boolean {
    if (this.visited.add(place.id)) this.#init.onVisit?.(cid, place)
    if (hasNoLinks(cid.code) || (cid.code === dagPb && place.leaf)) return false
    return this.#followed.add(place.id)
  }

  /** All of the walk pauses, not only who used up the turn. */
  #nextTurn(): Promise<void> {
    this.#turn ??= nextTurn().then(() => {
      this.#linksLeft = linksPerTurn
      this.#turn = undefined
    })
    return this.#turn
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#stop.abort(error)
    this.#changed()
  }

  #changed(): void {
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
