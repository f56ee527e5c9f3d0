/**
 * The logic of the store over its tables: a batch of jobs becomes one transaction. Own changes of the whole batch share
 * deltas. Between batches the engine keeps nothing
 * that the tables do not have.
 */

import type { Sha256 } from '../crdt/sha256.ts'
import { sha256 } from '../crdt/sha256.ts'
import { PeerIdCache } from '../pin/peer-id.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { RetargetRule } from '../tracker/retarget.ts'
import { BlockMerger } from './block-merger.ts'
import { applyConsequences, type Sequences } from './consequences.ts'
import { BlockRefusedError } from './errors.ts'
import type { Batch, BatchAnswer, Job, JobAnswer, JobRefusal } from './jobs.ts'
import { bindPage, recordOutcomes, recoverPage, requeueKey, requeuePage } from './local-records.ts'
import { OwnDeltas } from './own-deltas.ts'
import type { Tables } from './tables.ts'
import { keptChanges, Transaction } from './transaction.ts'

export interface EngineInit {
  tables: Tables
  /** The peer whose duties are tracked. */
  self: PeerIdText
  rule: RetargetRule
  /** The portable one when absent. */
  hash?: Sha256
  /** Rows of the change log that are kept; 1,000,000 when absent. */
  keptChanges?: number
}

export class StoreEngine {
  readonly #init: Required<EngineInit>
  readonly #peerIds = new PeerIdCache()

  constructor(init: EngineInit) {
    this.#init = { hash: sha256, keptChanges, ...init }
  }

  /** Throws, with nothing of the batch done, when the tables fail. */
  commit(batch: Batch): BatchAnswer {
    return this.#init.tables.transaction(() => {
      const transaction = new Transaction(this.#init, batch.now)
      const answers = this.#run(transaction, batch.jobs)
      transaction.finish()
      return { answers, changes: transaction.changes }
    })
  }

  #run(transaction: Transaction, jobs: Job[]): BatchAnswer['answers'] {
    const merger = new BlockMerger(transaction, this.#init.hash, this.#peerIds)
    const own = new OwnDeltas(merger)
    for (const job of jobs) if (job.kind === 'write') own.add(job)
    own.close()
    const merged = jobs.map((job) => (job.kind === 'merge' ? merge(merger, job) : undefined))
    const sequences = applyConsequences(transaction, merger.pinset.touched.values())
    return jobs.map((job, index) => {
      if (job.kind === 'write') return { answer: own.answer(job, sequences) }
      const merging = merged[index]
      if (merging === undefined) return { answer: runLocal(transaction, job) }
      return 'refused' in merging ? merging : { answer: { ...merging, sequence: newest(sequences) } }
    })
  }
}

function merge(
  merger: BlockMerger,
  { blocks }: Extract<Job, { kind: 'merge' }>,
): { merged: number } | JobRefusal {
  try {
    return { merged: merger.merge(blocks) }
  } catch (error) {
    if (!(error instanceof BlockRefusedError)) throw error
    return { refused: { cid: error.cid, problem: error.problem } }
  }
}

function runLocal(transaction: Transaction, job: Job): JobAnswer {
  switch (job.kind) {
    case 'record':
      return recordOutcomes(transaction, job.outcomes)
    case 'requeue':
      return requeueKey(transaction, job.key)
    case 'requeuePage':
      return requeuePage(transaction, job.limit, job.after)
    case 'bind':
      return bindPage(transaction, job.ipfsId)
    case 'recover':
      return recoverPage(transaction)
    default:
      throw new TypeError(`${job.kind} is no job on local records`)
  }
}

function newest(sequences: Sequences): number {
  let newest = 0
  for (const sequence of sequences.values()) if (sequence > newest) newest = sequence
  return newest
}
