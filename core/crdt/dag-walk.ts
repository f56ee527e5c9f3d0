/**
 * The walk from announced heads down to what is merged already, as a state machine without I/O. The caller fetches what it
 * `takeWants()`, hands in what came, parks on disk what it is told to, and merges what it gets from `takeReady()`: parents
 * always before children, and nothing before all that it builds on is here.
 *
 * Blocks parked by an earlier run are wants like others: the caller answers them from disk. The walk keeps no bytes.
 */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { type BlockId, blockCid, blockIdOf, isBlockCid } from './block-id.ts'
import { type CrdtBlock, decodeBlock } from './dag-node.ts'
import { CrdtBlockError } from './errors.ts'
import { MAX_REFUSED_BLOCKS, MAX_TRIES, MAX_WALK_BLOCKS, MAX_WANTS } from './limits.ts'
import type { Sha256 } from './sha256.ts'
import { WantQueue } from './want-queue.ts'

export interface DagWalkInit {
  isMerged(cid: CID): boolean
  sha256?: Sha256
  /** Blocks asked for at a time; `MAX_WANTS`. */
  maxWants?: number
  /** Blocks kept track of; `MAX_WALK_BLOCKS`. */
  maxBlocks?: number
}

/** A block that is not taken, for the log. */
export interface RefusedBlock {
  cid: CID
  /** Names the block, who announced it, who delivered it, and what is wrong. */
  reason: string
  /** It never will be taken: parked bytes of it can go. Otherwise it is asked for again. */
  final: boolean
}

/** A block that cannot be had, first, and those that build on it. Parked bytes of them can go. */
export interface GivenUp {
  cids: CID[]
  /** Why, for the log. */
  reason: string
}

export interface Received {
  /** The block is good and new: write it to disk before the next `takeReady`. */
  park: boolean
  /** The block itself, or blocks that wait for it. */
  refused: RefusedBlock[]
}

/** `ready`: all parents are merged, or come before it in the order of `takeReady`. */
type NodeState = 'wanted' | 'fetching' | 'failed' | 'waiting' | 'ready' | 'dropped'

interface WalkNode {
  readonly id: BlockId
  /** The peer whose announcement led here. */
  readonly source: string
  /** The priority, guessed until the block is here. */
  readonly height: number
  state: NodeState
  /** Parents that are not ready. */
  missing: number
  /** Times that it could not be had. */
  tries: number
  /** The round of tries in which it was last announced; none yet for what only others build on. */
  announcedIn: number
  /** Blocks that build on this one and wait. */
  readonly children: WalkNode[]
}

export class DagWalk {
  readonly #init: DagWalkInit
  readonly #maxWants: number
  readonly #maxBlocks: number
  readonly #nodes = new Map<BlockId, WalkNode>()
  readonly #wanted = new WantQueue<WalkNode>()
  readonly #failed = new Set<WalkNode>()
  readonly #ready = new Set<WalkNode>()
  #returned: WalkNode[] = []
  readonly #refused = new Set<BlockId>()
  #fetching = 0
  /** Rounds of tries so far. */
  #round = 0

  constructor(init: DagWalkInit) {
    this.#init = init
    this.#maxWants = init.maxWants ?? MAX_WANTS
    this.#maxBlocks = init.maxBlocks ?? MAX_WALK_BLOCKS
  }

  /** Blocks that are not merged yet, as far as known. */
  get size(): number {
    return this.#nodes.size
  }

  /** Blocks that could not be had; they wait for `retryFailed`. */
  get failedCount(): number {
    return this.#failed.size
  }

  /** Takes heads that `source` announced. Returns those that are not followed. */
  announce(heads: readonly CID[], source: string): RefusedBlock[] {
    const refused: RefusedBlock[] = []
    for (const cid of heads) {
      const id = blockIdOf(cid)
      const known = this.#nodes.get(id)
      if (known !== undefined) known.announcedIn = this.#round
      if (known !== undefined || this.#init.isMerged(cid)) continue
      const why = this.#whyNot(cid, id)
      if (why === undefined) this.#want(id, source, Number.POSITIVE_INFINITY).announcedIn = this.#round
      else refused.push({ cid, reason: `head ${cid}, announced by ${source}: ${why.text}`, final: why.final })
    }
    return refused
  }

  /** Blocks to fetch now, newest first. Each is answered by `received` or `failed`. */
  takeWants(): CID[] {
    const wants: CID[] = []
    while (this.#fetching < this.#maxWants) {
      const node = this.#wanted.pop()
      if (node === undefined) break
      if (node.state !== 'wanted') continue
      node.state = 'fetching'
      this.#fetching++
      wants.push(blockCid(node.id))
    }
    return wants
  }

  /** Takes a block that `from` delivered; one that was not asked for, or came before, is passed over. */
  received(cid: CID, bytes: Uint8Array, from: string): Received {
    const node = this.#nodes.get(blockIdOf(cid))
    if (node === undefined || node.state === 'waiting' || node.state === 'ready') {
      return { park: false, refused: [] }
    }
    let block: CrdtBlock
    try {
      block = decodeBlock(cid, bytes, this.#init.sha256)
    } catch (error) {
      return { park: false, refused: this.#refuse(node, from, error) }
    }
    return this.#link(node, block)
  }

  /** The block could not be had from anyone. It and what builds on it wait for `retryFailed`. */
  failed(cid: CID): void {
    const node = this.#nodes.get(blockIdOf(cid))
    if (node?.state !== 'fetching') return
    this.#fail(node)
  }

  /**
   * Asks again for all that failed, as one round of tries. Returns what is given up: it could not be had for long, and
   * nobody announces it any more nor what builds on it, as when the peer that wrote it was lost. It is followed when it is
   * announced again.
   */
  retryFailed(): GivenUp[] {
    this.#round++
    const givenUp: GivenUp[] = []
    for (const node of [...this.#failed]) {
      if (node.state !== 'failed') continue
      if (node.tries % MAX_TRIES === 0 && !this.#isStillAnnounced(node)) {
        givenUp.push(this.#giveUp(node))
        continue
      }
      this.#leave(node, 'wanted')
      this.#wanted.push(node, node.height)
    }
    return givenUp
  }

  /** Up to `limit` blocks to merge in this order; answered by `merged` or `notMerged`. */
  takeReady(limit: number): CID[] {
    const nodes = this.#returned.splice(0, limit)
    for (const node of this.#ready) {
      if (nodes.length >= limit) break
      this.#ready.delete(node)
      nodes.push(node)
    }
    return nodes.map(({ id }) => blockCid(id))
  }

  /** These are merged, durably: `isMerged` is true for them from now on. */
  merged(cids: readonly CID[]): void {
    for (const cid of cids) this.#nodes.delete(blockIdOf(cid))
  }

  /** These could not be merged; they come first again. Give them in the order in which they were taken. */
  notMerged(cids: readonly CID[]): void {
    const nodes = cids.flatMap((cid) => this.#nodes.get(blockIdOf(cid)) ?? [])
    this.#returned = [...nodes, ...this.#returned]
  }

  /** A block that was to be merged is none for this pinset: it is not followed again. */
  refuse(cid: CID, why: string): RefusedBlock[] {
    const node = this.#nodes.get(blockIdOf(cid))
    return node === undefined ? [] : this.#drop(node, why, true)
  }

  #want(id: BlockId, source: string, height: number): WalkNode {
    const node: WalkNode = {
      id,
      source,
      height,
      state: 'wanted',
      missing: 0,
      tries: 0,
      announcedIn: Number.NEGATIVE_INFINITY,
      children: [],
    }
    this.#nodes.set(id, node)
    this.#wanted.push(node, height)
    return node
  }

  /** Ties a good block to its parents. */
  #link(node: WalkNode, block: CrdtBlock): Received {
    const parents = new Map(block.links.map((link) => [blockIdOf(link), link]))
    const unknown: BlockId[] = []
    for (const [id, link] of parents) {
      if (this.#nodes.has(id) || this.#init.isMerged(link)) continue
      if (this.#refused.has(id))
        return { park: false, refused: this.#drop(node, `it builds on ${link}`, true) }
      unknown.push(id)
    }
    if (this.#nodes.size + unknown.length > this.#maxBlocks) {
      return { park: false, refused: this.#drop(node, this.#fullText(), false) }
    }
    this.#leave(node, 'waiting')
    for (const id of unknown) this.#want(id, node.source, Number(block.delta.priority) - 1)
    for (const id of parents.keys()) this.#waitFor(node, this.#nodes.get(id))
    if (node.missing === 0) this.#settle(node)
    return { park: true, refused: [] }
  }

  #waitFor(node: WalkNode, parent: WalkNode | undefined): void {
    if (parent === undefined || parent.state === 'ready') return
    parent.children.push(node)
    node.missing++
  }

  /** Makes a block ready, and all that waited for it alone. */
  #settle(first: WalkNode): void {
    const settled = [first]
    for (let node = settled.pop(); node !== undefined; node = settled.pop()) {
      node.state = 'ready'
      this.#ready.add(node)
      for (const child of node.children) {
        if (child.state === 'waiting' && --child.missing === 0) settled.push(child)
      }
      node.children.length = 0
    }
  }

  #refuse(node: WalkNode, from: string, error: unknown): RefusedBlock[] {
    const why = `delivered by ${from}: ${messageOf(error)}`
    if (!(error instanceof CrdtBlockError) || error.fault !== 'hash') return this.#drop(node, why, true)
    this.#fail(node)
    return [refusal(node, why, false)]
  }

  /** Or something is that builds on it. */
  #isStillAnnounced(first: WalkNode): boolean {
    const since = this.#round - MAX_TRIES
    const seen = new Set([first])
    for (const node of seen) {
      if (node.announcedIn >= since) return true
      for (const child of node.children) if (child.state !== 'dropped') seen.add(child)
    }
    return false
  }

  #giveUp(node: WalkNode): GivenUp {
    const dropped = this.#drop(node, `could not be had ${node.tries} times`, false)
    return { reason: dropped[0]?.reason ?? '', cids: dropped.map(({ cid }) => cid) }
  }

  #fail(node: WalkNode): void {
    this.#leave(node, 'failed')
    this.#failed.add(node)
    node.tries++
  }

  /** Forgets a block and all that builds on it. What they build on stays: it may be good by itself. */
  #drop(first: WalkNode, why: string, final: boolean): RefusedBlock[] {
    const refused: RefusedBlock[] = []
    const dropped = [first]
    for (let node = dropped.pop(); node !== undefined; node = dropped.pop()) {
      if (node.state === 'dropped') continue
      this.#leave(node, 'dropped')
      this.#ready.delete(node)
      this.#nodes.delete(node.id)
      if (final) this.#remember(node.id)
      refused.push(refusal(node, node === first ? why : `it builds on ${blockCid(first.id)}`, final))
      dropped.push(...node.children)
    }
    return refused
  }

  #leave(node: WalkNode, state: NodeState): void {
    if (node.state === 'fetching') this.#fetching--
    if (node.state === 'failed') this.#failed.delete(node)
    node.state = state
  }

  #remember(id: BlockId): void {
    const [oldest] = this.#refused
    if (oldest !== undefined && this.#refused.size >= MAX_REFUSED_BLOCKS) this.#refused.delete(oldest)
    this.#refused.add(id)
  }

  #whyNot(cid: CID, id: BlockId): { text: string; final: boolean } | undefined {
    if (!isBlockCid(cid)) return { text: 'blocks of a pinset are dag-pb, CIDv1, sha2-256', final: true }
    if (this.#refused.has(id)) return { text: 'it was refused before', final: true }
    return this.#nodes.size >= this.#maxBlocks ? { text: this.#fullText(), final: false } : undefined
  }

  #fullText(): string {
    return `${this.#maxBlocks} blocks wait for their parents already; it is followed when announced again`
  }
}

function refusal(node: WalkNode, why: string, final: boolean): RefusedBlock {
  const cid = blockCid(node.id)
  return { cid, reason: `block ${cid}, announced by ${node.source}, ${why}`, final }
}
