/** Turns the writes of one batch into as few deltas as their bounds allow, each merged as a block of this peer. */
import type { CID } from 'multiformats/cid'
import { PendingDelta } from '../crdt/builder.ts'
import { compareElements, type Element } from '../crdt/merge.ts'
import type { BlockMerger } from './block-merger.ts'
import type { Sequences } from './consequences.ts'
import type { Job, JobAnswers, KeyChangeRequest } from './jobs.ts'
import { textOfKeyBytes } from './keys.ts'
import { StoredElement } from './pinset-state.ts'
import type { KeyBytes } from './tables.ts'

type WriteJob = Extract<Job, { kind: 'write' }>

export class OwnDeltas {
  readonly #merger: BlockMerger
  readonly #blocks = new Map<WriteJob, CID>()
  #delta = new PendingDelta()
  /** Writes with changes in the delta at hand. */
  #waiting = new Set<WriteJob>()

  constructor(merger: BlockMerger) {
    this.#merger = merger
  }

  add(job: WriteJob): void {
    for (const change of job.changes) {
      if (this.#add(change)) this.#waiting.add(job)
    }
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
    return block === undefined ? { sequence } : { block: block.bytes, sequence }
  }

  /** False when there is nothing to write: an unpin of what is not there. */
  #add({ key, value }: KeyChangeRequest): boolean {
    const text = textOfKeyBytes(key)
    return value === undefined ? this.#remove(text, key) : this.#put(text, value)
  }

  #put(text: string, value: Uint8Array): true {
    if (!this.#delta.put(text, value)) {
      this.#flush()
      this.#delta.put(text, value)
    }
    return true
  }

  #remove(text: string, key: KeyBytes): boolean {
    if (this.#delta.isFull) this.#flush()
    const live = this.#liveLowestFirst(text, key)
    let left = this.#delta.remove(text, live)
    while (left.length > 0) {
      this.#flush()
      left = this.#delta.remove(text, left)
    }
    return live.length > 0
  }

  #flush(): void {
    const delta = this.#delta
    const cid = this.#merger.mergeOwn((priority) => delta.toDelta(priority))
    for (const job of this.#waiting) this.#blocks.set(job, cid)
    this.#waiting = new Set()
    this.#delta = new PendingDelta()
  }

  #liveLowestFirst(text: string, key: KeyBytes): string[] {
    const { tables } = this.#merger.transaction
    const id = tables.keyId(key)
    const blocks = id === undefined ? [] : tables.elements(id)
    const elements: Element[] = blocks.map(
      (block) => new StoredElement(this.#merger.pinset.values, text, block),
    )
    return elements.sort(compareElements).map(({ blockId }) => blockId)
  }
}
