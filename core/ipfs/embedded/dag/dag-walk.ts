/**
 * Walks through a DAG, each block once, several at a time. Memory is bounded: a bitmap of visited blocks, a stack that
 * takes the links of nodes in portions, and the blocks of `HeldLinks`.
 */
import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/block-hash.ts'
import type { BlockPlace } from '../blocks/block-writer.ts'
import { IdSet } from '../blocks/id-set.ts'
import { BlockNotHereError } from '../errors.ts'
import { Turns } from '../turns.ts'
import { HeldLinks, type LinkPosition } from './held-links.ts'
import { hasNoLinks } from './node-links.ts'

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
  /** Shared with other walks, so that all together leave the event loop its turns. */
  turns?: Turns
}

/** From this many steps on the stack takes fewer links of a node at a time. */
const longStack = 20_000
const portion = 512
const smallPortion = 8
const dagPb = 0x70

/** `entered`: the block is here and was counted; its links are to be followed. */
interface Step extends LinkPosition {
  entered: boolean
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
  readonly #links = new HeldLinks()
  readonly #turns: Turns
  #change = Promise.withResolvers<void>()

  constructor(init: DagWalkInit) {
    this.#init = init
    this.#turns = init.turns ?? new Turns()
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
      else this.#stack.push({ cid: root, entered: false, taken: 0 })
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

  async #take(step: Step): Promise<void> {
    const { cid } = step
    if (!step.entered && inlineBlock(cid) === undefined) {
      const place = this.#init.locate(cid) ?? (await this.#init.obtain(cid, this.#stop.signal))
      if (place === undefined || !this.#enter(cid, place)) return
      step.entered = true
    }
    if (hasNoLinks(cid.code)) return
    await this.#follow(step, this.#links.get(step) ?? (await this.#open(step)))
  }

  async #open(step: Step) {
    const bytes = await this.#init.read(step.cid)
    if (bytes === undefined) throw new BlockNotHereError(step.cid)
    await this.#turns.spendBytes(bytes.length)
    return this.#links.open(step, bytes)
  }

  /** Puts some of the next links on the stack, and the node itself below them when it has more. */
  async #follow(node: Step, links: Iterator<CID | undefined>): Promise<void> {
    const most = this.#stack.length > longStack ? smallPortion : portion
    const found: Step[] = []
    while (found.length < most && this.#failure === undefined) {
      const { value: link, done } = links.next()
      if (done) {
        this.#links.close(node)
        break
      }
      await this.#turns.spend()
      if (link === undefined) continue
      node.taken++
      if (hasNoLinks(link.code) && inlineBlock(link) !== undefined) continue
      const place = this.#init.locate(link)
      const entered = place !== undefined
      if (!entered || this.#enter(link, place)) found.push({ cid: link, entered, taken: 0 })
    }
    if (found.length === most) this.#stack.push(node)
    for (const step of found) this.#stack.push(step)
    this.#changed()
  }

  /** Counts a visit. True when there is more to do: its links are to be followed. */
  #enter(cid: CID, place: BlockPlace): boolean {
    if (this.visited.add(place.id)) this.#init.onVisit?.(cid, place)
    if (hasNoLinks(cid.code) || (cid.code === dagPb && place.leaf)) return false
    return this.#followed.add(place.id)
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
