/** Turns the writes of one batch into as few deltas as their bounds allow, each merged as a block of this peer. */
import type { CID } from 'multiformats/cid'
import { PendingDelta } from '../crdt/builder.ts'
import { compareElements, type Element } from '../crdt/merge.ts'
import { noteBackground, orphansOf } from './background.ts'
import type { BlockMerger } from './block-merger.ts'
import type { Sequences } from './consequences.ts'
import type { Job, JobAnswers, KeyChangeRequest } from './jobs.ts'
import { textOfKeyBytes } from './keys.ts'
import { isStoredAs } from './pin-value.ts'
import { StoredElement } from './pinset-state.ts'
import type { BlockRow, BlockRowId, KeyBytes, KeyRowId, Tables } from './tables.ts'

type WriteJob = Extract<Job, { kind: 'write' }>
type BackgroundRequest = Exclude<KeyChangeRequest, { kind: 'pin' | 'unpin' }>

/** `cancelled`: it took back what an earlier change of the same delta was to write, and needs none of its own. */
type Effect = 'written' | 'cancelled' | 'none'

interface Copy {
  key: KeyRowId
  /** The block whose element has the value that was copied. */
  source: BlockRowId
}

export class OwnDeltas {
  readonly #merger: BlockMerger
  readonly #blocks = new Map<WriteJob, CID>()
  readonly #applied = new Map<WriteJob, number>()
  #delta = new PendingDelta()
  /** Writes with changes in the delta at hand. */
  #waiting = new Set<WriteJob>()
  /** The puts of the delta at hand that are background work, by the text of the key. */
  #copies = new Map<string, Copy>()

  constructor(merger: BlockMerger) {
    this.#merger = merger
  }

  add(job: WriteJob): void {
    let applied = 0
    for (const change of job.changes) {
      const effect = this.#add(change)
      if (effect === 'written') this.#waiting.add(job)
      if (effect !== 'none') applied++
    }
    this.#applied.set(job, applied)
  }

  /** Writes what is left. */
  close(): void {
    if (!this.#delta.isEmpty) this.#flush()
  }

  /** `sequences`: the newest change row of each key that the batch changed. */
  answer(job: WriteJob, sequences: Sequences): JobAnswers['write'] {
    const block = this.#blocks.get(job)
    let sequence = 0
    for (const { key } of job.changes) {
      sequence = Math.max(sequence, sequences.get(textOfKeyBytes(key)) ?? 0)
    }
    const applied = this.#applied.get(job) ?? 0
    return block === undefined ? { sequence, applied } : { block: block.bytes, sequence, applied }
  }

  #add(change: KeyChangeRequest): Effect {
    const text = textOfKeyBytes(change.key)
    if (change.kind === 'pin') return this.#put(text, change.value)
    if (change.kind === 'unpin') return this.#remove(text, change.key)
    // What the condition is about must be in the tables.
    if (this.#delta.get(text) !== undefined) this.#flush()
    const id = this.#tables.keyId(change.key)
    return id === undefined ? 'none' : this.#addBackground(change, text, id)
  }

  #addBackground(change: BackgroundRequest, text: string, id: KeyRowId): Effect {
    const orphans = orphansOf(this.#tables, id)
    if (change.kind === 'withdraw') {
      return this.#kill(text, () => this.#tables.elements(id).filter((block) => orphans.has(block.id)))
    }
    const current = this.#tables.folded(id)
    if (current === undefined || !isStoredAs(current.pin, change.from)) return 'none'
    if (change.kind === 'expire') return this.#remove(text, change.key)
    // A copy of an orphan would be one too.
    if (orphans.has(current.block)) return 'none'
    this.#put(text, change.value)
    this.#copies.set(text, { key: id, source: current.block })
    return 'written'
  }

  #put(text: string, value: Uint8Array): Effect {
    if (!this.#delta.put(text, value)) {
      this.#flush()
      this.#delta.put(text, value)
    }
    this.#copies.delete(text)
    return 'written'
  }

  #remove(text: string, key: KeyBytes): Effect {
    const id = this.#tables.keyId(key)
    return this.#kill(text, () => (id === undefined ? [] : this.#tables.elements(id)))
  }

  /** Kills elements, which are read when there is room for it, and drops a put that waits. */
  #kill(text: string, read: () => BlockRow[]): Effect {
    if (this.#delta.isFull) this.#flush()
    const isPut = this.#delta.get(text)?.kind === 'put'
    const live = this.#lowestFirst(text, read())
    if (live.length === 0 && !isPut) return 'none'
    let left = this.#delta.remove(text, live)
    this.#copies.delete(text)
    while (left.length > 0) {
      this.#flush()
      left = this.#delta.remove(text, left)
    }
    return live.length > 0 ? 'written' : 'cancelled'
  }

  #flush(): void {
    const delta = this.#delta
    const cid = this.#merger.mergeOwn((priority) => delta.toDelta(priority))
    for (const job of this.#waiting) this.#blocks.set(job, cid)
    this.#waiting = new Set()
    this.#delta = new PendingDelta()
    this.#noteCopies(cid)
  }

  #noteCopies(cid: CID): void {
    const block = this.#tables.blockId(cid.multihash.bytes)
    if (block === undefined) throw new TypeError(`block ${cid} was not merged`)
    for (const { key, source } of this.#copies.values()) noteBackground(this.#tables, key, block, source)
    this.#copies = new Map()
  }

  get #tables(): Tables {
    return this.#merger.transaction.tables
  }

  #lowestFirst(text: string, blocks: BlockRow[]): string[] {
    const { values } = this.#merger.pinset
    const elements: Element[] = blocks.map((block) => new StoredElement(values, text, block))
    return elements.sort(compareElements).map(({ blockId }) => blockId)
  }
}
