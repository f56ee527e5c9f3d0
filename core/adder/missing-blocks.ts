/**
 * Finds out, while the blocks of a CAR pass in any order, which block its DAGs lack, and by which path that block would be
 * reached. It remembers what has links and what is wanted, and a number for each leaf; when that is too much, it stops.
 */
import { CID } from 'multiformats/cid'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import type { NodeLink } from './cbor-links.ts'
import { identityCode, maxIdentityBytes } from './hashing.ts'
import { linksOf } from './node-links.ts'

/** Nodes that have links or are wanted, and the links between them. */
const maxNodesAndLinks = 500_000
/** Characters of the names of these links. */
const maxNameCharacters = 32 * 1024 * 1024
/** Blocks without links. */
const maxLeaves = 2_000_000
/** Blocks that cannot be read: looking at them costs most. */
const maxUnreadable = 100
/** Characters of a path that are shown. */
const maxPath = 400

export interface MissingBlock {
  root: CID
  cid: CID
  /** Names from the root down; empty when the block is the root, or a part of it without a name. */
  path: string
}

interface Place {
  /** The bytes of the CID as characters: a fifth of what the object takes. */
  id: string
  isHere: boolean
  /** Where it was linked first; nearly all are linked once. */
  parent: Step | undefined
  otherParents: Step[] | undefined
  /** The next step down to a block that is missing. */
  down: Step | undefined
  isVisited: boolean
}

interface Step {
  place: Place
  name: string
}

export class MissingBlocks {
  readonly #roots: readonly CID[]
  /** By the key of the CID: what is wanted, in the order of the links, and what is here and has links. */
  readonly #places = new Map<number, Place>()
  readonly #leaves = new Set<number>()
  #links = 0
  #nameCharacters = 0
  #unreadable = 0
  #isStopped = false

  constructor(roots: readonly CID[]) {
    this.#roots = roots
    for (const root of roots) this.#want(root)
  }

  /** False when there was too much to remember: then nothing is known. */
  get isKnown(): boolean {
    return !this.#isStopped
  }

  /** Throws when the block cannot be read; it counts as one without links then. */
  add(block: IpfsBlock): void {
    if (this.#isStopped) return
    const key = keyOf(block.cid)
    const known = this.#places.get(key)
    if (known?.isHere || this.#leaves.has(key)) return
    const place = known ?? newPlace(block.cid)
    place.isHere = true
    let hasLinks = false
    let isRead = false
    try {
      for (const link of linksOf(block)) {
        hasLinks = true
        this.#link(place, link)
        if (this.#isTooMuch()) return
      }
      isRead = true
    } finally {
      if (!isRead) this.#unreadable++
      if (hasLinks) this.#places.set(key, place)
      else {
        this.#places.delete(key)
        this.#leaves.add(key)
      }
      this.#isTooMuch()
    }
  }

  /** The first block that each root lacks; none for a root that is whole. */
  first(): MissingBlock[] {
    const roots = new Map(this.#roots.map((root) => [idOf(root), root]))
    const found = new Map<CID, MissingBlock>()
    for (const wanted of this.#places.values()) {
      if (wanted.isHere) continue
      for (const place of climb(wanted)) {
        const root = roots.get(place.id)
        if (root && !found.has(root)) found.set(root, { root, cid: cidOf(wanted), path: pathDown(place) })
      }
    }
    return this.#roots.flatMap((root) => found.get(root) ?? [])
  }

  #link(place: Place, { cid, name }: NodeLink): void {
    if (cid.multihash.code === identityCode) {
      // Its content is the CID, which may have links itself; it is too short for many levels of them.
      if (cid.multihash.size > maxIdentityBytes) return
      const inline = { cid, bytes: cid.multihash.digest }
      for (const link of linksOf(inline)) {
        this.#link(place, { cid: link.cid, name: joined(name, link.name) })
      }
      return
    }
    if (this.#leaves.has(keyOf(cid))) return
    const child = this.#want(cid)
    const last = child.otherParents?.at(-1) ?? child.parent
    if (last?.place === place) return
    if (last === undefined) child.parent = { place, name }
    else (child.otherParents ??= []).push({ place, name })
    this.#links++
    this.#nameCharacters += name.length
  }

  #want(cid: CID): Place {
    const key = keyOf(cid)
    let place = this.#places.get(key)
    if (!place) {
      place = newPlace(cid)
      this.#places.set(key, place)
    }
    return place
  }

  #isTooMuch(): boolean {
    this.#isStopped ||=
      this.#places.size + this.#links > maxNodesAndLinks ||
      this.#nameCharacters > maxNameCharacters ||
      this.#leaves.size > maxLeaves ||
      this.#unreadable > maxUnreadable
    if (this.#isStopped) {
      this.#places.clear()
      this.#leaves.clear()
    }
    return this.#isStopped
  }
}

function newPlace(cid: CID): Place {
  return {
    id: idOf(cid),
    isHere: false,
    parent: undefined,
    otherParents: undefined,
    down: undefined,
    isVisited: false,
  }
}

function idOf({ bytes }: CID): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function cidOf({ id }: Place): CID {
  return CID.decode(Buffer.from(id, 'latin1'))
}

/** `wanted` and all above it that no other block has led to yet; each knows the way down then. */
function* climb(wanted: Place): Generator<Place> {
  const next = [wanted]
  wanted.isVisited = true
  for (let at = 0; at < next.length; at++) {
    const place = next[at]!
    yield place
    for (const parent of [place.parent, ...(place.otherParents ?? [])]) {
      if (parent === undefined || parent.place.isVisited) continue
      parent.place.isVisited = true
      parent.place.down = { place, name: parent.name }
      next.push(parent.place)
    }
  }
}

function pathDown(root: Place): string {
  const names: string[] = []
  for (let step = root.down; step; step = step.place.down) if (step.name !== '') names.push(step.name)
  const path = names.join('/')
  if (path.length <= maxPath) return path
  return `${path.slice(0, maxPath / 2)}…${path.slice(-maxPath / 2)}`
}

function joined(name: string, inner: string): string {
  return name === '' || inner === '' ? name + inner : `${name}/${inner}`
}

/**
 * 53 bits of the digest. Two blocks with the same ones, of which there are none among millions but by intent, would at
 * worst hide that one of them is missing.
 */
function keyOf({ multihash }: CID): number {
  const { digest } = multihash
  let key = 0
  for (let at = 0; at < 6; at++) key = key * 256 + (digest[at] ?? 0)
  return key * 32 + ((digest[6] ?? 0) & 31)
}
