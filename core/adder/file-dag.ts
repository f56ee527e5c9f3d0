/**
 * The two shapes that the DAG of a file can have, built from its leaves as they come. Both hold one unfinished node a level,
 * so that memory grows with the logarithm of the file, and give the CIDs that Kubo gives (174 links a node).
 */
import type { BlockMaker, DagNode } from './block-maker.ts'

/** Links of a node, as in Kubo. */
const width = 174
/** Subtrees of one depth that a trickle node has before the next are deeper, as in Kubo. */
const depthRepeat = 4

export interface FileDag {
  /** Adds the next chunk of the file. */
  add(chunk: Uint8Array): Promise<void>
  /** The root. */
  finish(): Promise<DagNode>
}

export interface FileDagInit {
  blocks: BlockMaker
  layout: 'balanced' | 'trickle'
  rawLeaves: boolean
}

export function createFileDag({ blocks, layout, rawLeaves }: FileDagInit): FileDag {
  const type = layout === 'trickle' ? 'raw' : 'file'
  const leaf = (data: Uint8Array) => (rawLeaves ? blocks.raw(data) : blocks.leaf(data, type))
  return layout === 'trickle' ? new TrickleDag(blocks, leaf) : new BalancedDag(blocks, leaf)
}

type MakeLeaf = (data: Uint8Array) => Promise<DagNode>

/** All leaves at one depth. */
class BalancedDag implements FileDag {
  readonly #blocks: BlockMaker
  readonly #leaf: MakeLeaf
  /** The unfinished node of each level, leaves first. */
  readonly #levels: DagNode[][] = [[]]

  constructor(blocks: BlockMaker, leaf: MakeLeaf) {
    this.#blocks = blocks
    this.#leaf = leaf
  }

  async add(chunk: Uint8Array): Promise<void> {
    await this.#append(0, await this.#leaf(chunk))
  }

  async finish(): Promise<DagNode> {
    if (this.#levels[0]!.length === 0) return this.#leaf(new Uint8Array(0))
    for (let level = 0; ; level++) {
      const nodes = this.#levels[level]!
      const isTop = level === this.#levels.length - 1
      if (isTop && nodes.length === 1) return nodes[0]!
      const parent = await this.#blocks.file(nodes)
      if (isTop) return parent
      await this.#append(level + 1, parent)
    }
  }

  /** A full node is closed only when one more comes, so that a file of exactly its size has no level too many. */
  async #append(level: number, node: DagNode): Promise<void> {
    const nodes = this.#levels[level]
    if (!nodes) {
      this.#levels[level] = [node]
    } else if (nodes.length < width) {
      nodes.push(node)
    } else {
      this.#levels[level] = [node]
      await this.#append(level + 1, await this.#blocks.file(nodes))
    }
  }
}

/** A node of a trickle DAG: first its own leaves, then subtrees, four of each depth. */
interface TrickleNode {
  children: DagNode[]
  /** Subtrees have a depth below this. */
  maxDepth: number
  /** Depth of the subtrees that come now, and how many of them there are. */
  depth: number
  subtrees: number
}

/** Leaves near the root come first: for reading in order with little delay. */
class TrickleDag implements FileDag {
  readonly #blocks: BlockMaker
  readonly #leaf: MakeLeaf
  /** From the root to the node that is filled now. */
  readonly #path: TrickleNode[] = [trickleNode(Number.POSITIVE_INFINITY)]

  constructor(blocks: BlockMaker, leaf: MakeLeaf) {
    this.#blocks = blocks
    this.#leaf = leaf
  }

  async add(chunk: Uint8Array): Promise<void> {
    const leaf = await this.#leaf(chunk)
    while (!this.#hasRoom()) await this.#closeNode()
    this.#path.at(-1)!.children.push(leaf)
  }

  async finish(): Promise<DagNode> {
    while (this.#path.length > 1) await this.#closeNode()
    return this.#blocks.file(this.#path[0]!.children)
  }

  /** True when the node filled now takes another leaf; opens a subtree where it takes one of those. */
  #hasRoom(): boolean {
    const node = this.#path.at(-1)!
    if (node.depth === 1 && node.subtrees === 0 && node.children.length < width) return true
    if (node.subtrees === depthRepeat) {
      node.depth++
      node.subtrees = 0
    }
    if (node.depth >= node.maxDepth) return false
    node.subtrees++
    this.#path.push(trickleNode(node.depth))
    return true
  }

  async #closeNode(): Promise<void> {
    const node = this.#path.pop()!
    this.#path.at(-1)!.children.push(await this.#blocks.file(node.children))
  }
}

function trickleNode(maxDepth: number): TrickleNode {
  return { children: [], maxDepth, depth: 1, subtrees: 0 }
}
