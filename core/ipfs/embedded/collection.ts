/**
 * Garbage collection by mark and sweep. It keeps what pins hold, what running pins have so far, what is put or met while
 * it runs, and what was put without a pin not long ago (`gcGrace`, and as long as the call that put it runs), so that it
 * can run beside adds and pins. It may be killed at any moment: blocks are removed in small durable steps.
 *
 * Memory: two bits a block. When a pinned DAG has lost an inner node, what is below it cannot be told from garbage:
 * nothing is removed then.
 */
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { messageOf } from '../../error-text.ts'
import type { IpfsGcRow } from '../../runtime/ipfs.ts'
import type { BlockStore } from './blocks/block-store.ts'
import type { BlockRow, PinRow } from './blocks/index-changes.ts'
import { DagWalk } from './dag/dag-walk.ts'
import { hasNoLinks } from './dag/node-links.ts'
import { BlockNotHereError } from './errors.ts'
import { nextTurn } from './turns.ts'

export interface CollectionInit {
  store: BlockStore
  /** Pins that are being made. */
  running: Iterable<{ cid: CID; mode: 'recursive' | 'direct' }>
  /** Unpinned blocks that were put since then, ms since the epoch, are kept. */
  keepSince: number
  signal: AbortSignal
}

/** Rows read, and at most removed, in one step. */
const pageSize = 1_000
/** Pins followed between two turns of the event loop. */
const pinsPerTurn = 32
/** Nodes that are read at the same time. */
const concurrency = 8
/** Pages of the index given back to the disk in one commit. */
const shrinkPages = 256

export async function* collect(init: CollectionInit): AsyncGenerator<IpfsGcRow> {
  const { store, signal } = init
  const newest = store.nextId - 1
  const complete = new DagWalk({ ...localWalk(store, signal), obtain: refuseNodes })
  // What a running pin has so far may end anywhere; that must not keep `complete` from going on below.
  const partial = new DagWalk({ ...localWalk(store, signal), obtain: async () => undefined })
  store.beginCollection(complete.visited)
  try {
    for (const { cid, mode } of [...init.running]) await mark(partial, store, cid, mode)
    let pins = 0
    for (const { cid, mode } of pinsOf(store)) {
      if (++pins % pinsPerTurn === 0) await nextTurn()
      try {
        await mark(complete, store, CID.decode(cid), mode)
      } catch (error) {
        if (signal.aborted) throw error
        const problem = messageOf(error)
        yield {
          error: `nothing was removed: pin ${CID.decode(cid)} cannot be followed (${problem}); recover it first`,
        }
        return
      }
    }
    yield* sweep(init, newest, (row) => complete.visited.has(row.id) || partial.visited.has(row.id))
    while (store.index.hasSlack) await store.index.commit({ kind: 'shrink', pages: shrinkPages })
  } finally {
    store.endCollection()
  }
}

async function* sweep(
  { store, keepSince, signal }: CollectionInit,
  newest: number,
  isMarked: (row: BlockRow) => boolean,
): AsyncGenerator<IpfsGcRow> {
  for (let after = 0; after < newest; ) {
    signal.throwIfAborted()
    // From reading the page to removing its rows nothing else may run: what is put or met before and after is told to the
    // store. That goes for newer rows in the last page, too.
    const rows = store.index.page(after, pageSize)
    const removed = await store.sweep(rows.filter((row) => row.fresh < keepSince && !isMarked(row)))
    for (const row of removed) yield { cid: CID.createV1(row.codec, Digest.decode(row.multihash)) }
    after = rows.at(-1)?.id ?? newest
    if (removed.length === 0) await nextTurn()
  }
}

async function mark(walk: DagWalk, store: BlockStore, cid: CID, mode: PinRow['mode']): Promise<void> {
  if (mode === 'recursive') return walk.run(cid)
  const place = store.locate(cid)
  if (place !== undefined) walk.visited.add(place.id)
}

function localWalk(store: BlockStore, signal: AbortSignal) {
  const locate = (cid: CID) => store.locate(cid)
  const read = (cid: CID) => store.get(cid)
  return { concurrency, signal, locate, read }
}

/** A leaf that is missing hides nothing; a node does. */
async function refuseNodes(cid: CID): Promise<undefined> {
  if (!hasNoLinks(cid.code)) throw new BlockNotHereError(cid)
}

function* pinsOf(store: BlockStore): Generator<PinRow> {
  for (let after: Uint8Array | undefined; ; ) {
    const rows = store.index.pins(after, pageSize)
    yield* rows
    after = rows.at(-1)?.cid
    if (after === undefined) return
  }
}
