/** Messages between the store and its Worker. Each request is answered once, in order. */
import type { PrioritySettings } from '../tracker/priority.ts'
import type { Batch, BatchAnswer } from './jobs.ts'
import type { DatabaseSettings } from './sqlite/open-database.ts'

export interface WorkerSetup extends DatabaseSettings {
  /** The SQLite file, brought up to date already. */
  path: string
  self: string
  priority: PrioritySettings
  /** Rows of the change log that are kept. */
  keptChanges: number
}

export type ToWorker = { id: number } & (
  | { kind: 'open'; setup: WorkerSetup }
  | { kind: 'commit'; batch: Batch }
  | { kind: 'close' }
)

/** `full`: no room to write. `damaged`: the tables contradict each other. */
export interface WorkerFailure {
  kind: 'full' | 'damaged' | 'failed'
  cause: string
}

export type FromWorker = { id: number } & ({ answer?: BatchAnswer } | { error: WorkerFailure })
