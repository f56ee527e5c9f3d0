/**
 * The store on a virtual disk: the same logic as on SQLite, over tables in memory. A transaction is one record on the
 * disk; it counts, and is seen, once the record is synced. Opening replays the records that a crash left whole.
 */
import type { Runtime } from '../../core/runtime/ports.ts'
import type { CommitBackend, QueueBounds } from '../../core/store/commit-queue.ts'
import { StoreEngine } from '../../core/store/engine.ts'
import { StoreFullError } from '../../core/store/errors.ts'
import type { Batch, BatchAnswer } from '../../core/store/jobs.ts'
import { QueuedStore } from '../../core/store/queued-store.ts'
import { type RetargetRule, retarget } from '../../core/tracker/retarget.ts'
import type { RowChange } from './memory-rows.ts'
import { MemoryTables } from './memory-tables.ts'
import { RecordLog } from './record-log.ts'
import { NoSpaceError, type SimulatedDisk } from './simulated-disk.ts'

export { SimulatedDisk } from './simulated-disk.ts'

export interface SimulatedStoreInit {
  disk: SimulatedDisk
  self: string
  runtime: Pick<Runtime, 'clock' | 'logger' | 'scheduler'>
  /** `retarget` when absent. */
  rule?: RetargetRule
  bounds?: Partial<QueueBounds>
  /** Rows of the change log that are kept; as many as in a real store when absent. */
  keptChanges?: number
}

export class SimulatedStore extends QueuedStore {
  /** For checks of what is stored. */
  readonly tables: MemoryTables

  constructor(init: SimulatedStoreInit, tables: MemoryTables, backend: CommitBackend) {
    const { self, runtime, bounds } = init
    super({
      tables,
      self,
      backend,
      runtime,
      close: async () => {},
      ...(bounds === undefined ? {} : { bounds }),
    })
    this.tables = tables
  }
}

export async function openSimulatedStore(init: SimulatedStoreInit): Promise<SimulatedStore> {
  const log = new RecordLog(init.disk)
  const tables = tablesOf(log)
  const store = new SimulatedStore(init, tables, new SimulatedBackend(init, tables, log))
  await store.recover()
  return store
}

/** As the records on the disk leave them. */
export function tablesOf(log: RecordLog): MemoryTables {
  const tables = new MemoryTables()
  for (const record of log.replay()) tables.redo(JSON.parse(utf8.decoder.decode(record)) as RowChange[])
  return tables
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() }

class SimulatedBackend implements CommitBackend {
  readonly #tables: MemoryTables
  readonly #log: RecordLog
  readonly #engine: StoreEngine
  readonly #runtime: SimulatedStoreInit['runtime']

  constructor(
    { self, runtime, rule = retarget, keptChanges }: SimulatedStoreInit,
    tables: MemoryTables,
    log: RecordLog,
  ) {
    this.#tables = tables
    this.#log = log
    this.#runtime = runtime
    this.#engine = new StoreEngine({
      tables,
      self,
      rule,
      ...(keptChanges === undefined ? {} : { keptChanges }),
    })
  }

  async commit(batch: Batch): Promise<BatchAnswer> {
    const answer = this.#engine.commit(batch)
    const done = this.#tables.done
    if (done.length === 0) return answer
    // Nobody may see it before it is durable.
    this.#tables.undo()
    try {
      await this.#log.append(utf8.encoder.encode(JSON.stringify(done)), this.#runtime.scheduler)
    } catch (error) {
      throw error instanceof NoSpaceError ? new StoreFullError('the simulated disk') : error
    }
    this.#tables.redo(done)
    return answer
  }
}
