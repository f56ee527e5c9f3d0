/**
 * Opens the store of a peer's folder on SQLite: for a peer, which writes, or read-only beside a running one.
 *
 *   folder/cluster.lock            held while a process works on the folder
 *   folder/store/pinset.sqlite     the data, with -wal and -shm beside it while it is open
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerIdText } from '../pin/pin.ts'
import type { Runtime } from '../runtime/ports.ts'
import { createPrivateFile, createPrivateFolder } from '../runtime/private-files.ts'
import { defaultPrioritySettings, type PrioritySettings } from '../tracker/priority.ts'
import type { QueueBounds } from './commit-queue.ts'
import { StoreMissingError, StoreOwnerError } from './errors.ts'
import { lockFolder } from './lock.ts'
import { QueuedStore } from './queued-store.ts'
import { migrate, requireVersion } from './sqlite/migrate.ts'
import { openReader, openWriter } from './sqlite/open-database.ts'
import { toStoreError } from './sqlite/sqlite-errors.ts'
import { SqliteReader } from './sqlite/sqlite-reader.ts'
import { SqliteTables } from './sqlite/sqlite-tables.ts'
import { StoreReader } from './store-reader.ts'
import { keptChanges } from './transaction.ts'
import { WorkerBackend, type WorkerLike } from './worker-backend.ts'

export interface OpenStoreInit {
  /** The peer's folder; it is made when it is missing. */
  folder: string
  /** The peer whose duties are tracked. */
  self: PeerIdText
  runtime: Pick<Runtime, 'clock' | 'scheduler' | 'logger'>
  /** What makes a pin go before others; `defaultPrioritySettings` when absent. */
  priority?: PrioritySettings
  /** Bytes of the page caches; 64 MiB for writing and 16 MiB for reading when absent. */
  cacheBytes?: { write: number; read: number }
  /** Bytes of log after which a commit moves it into the file; 16 MiB when absent. */
  checkpointBytes?: number
  /** The SQLite file grows to this many bytes at most; only the disk bounds it when absent. */
  maxBytes?: number
  bounds?: Partial<QueueBounds>
  /** Rows of the change log that are kept; 1,000,000 when absent. */
  keptChanges?: number
  /** For tests of failing Workers. */
  startWorker?(): WorkerLike
}

const defaultCacheBytes = { write: 64 * 1024 * 1024, read: 16 * 1024 * 1024 }

export function storePath(folder: string): string {
  return join(folder, 'store', 'pinset.sqlite')
}

/**
 * Opens the store for reading and writing, and takes the lock of the folder until it is closed. Rejects with
 * `StoreLockedError`, `StoreVersionError`, `StoreOwnerError`, `StoreFullError` or `StoreFailedError`.
 */
export async function openStore(init: OpenStoreInit): Promise<QueuedStore> {
  const { folder, runtime } = init
  makeFolder(join(folder, 'store'))
  await using resources = new AsyncDisposableStack()
  resources.use(lockFolder(folder))
  const wasClean = prepare(init)
  const path = storePath(folder)
  const cacheBytes = init.cacheBytes ?? defaultCacheBytes
  const backend = resources.use(
    new WorkerBackend({
      setup: {
        path,
        self: init.self,
        priority: init.priority ?? defaultPrioritySettings,
        cacheBytes: cacheBytes.write,
        keptChanges: init.keptChanges ?? keptChanges,
        ...(init.checkpointBytes === undefined ? {} : { checkpointBytes: init.checkpointBytes }),
        ...(init.maxBytes === undefined ? {} : { maxBytes: init.maxBytes }),
      },
      ...(init.startWorker === undefined ? {} : { startWorker: init.startWorker }),
    }),
  )
  await backend.open()
  // Closed before the writer, which then can move its log into the file and remove it.
  const db = resources.adopt(openReader(path, { cacheBytes: cacheBytes.read }), (open) => open.close())
  const tables = resources.adopt(new SqliteReader(db), (open) => open.finalize())
  const opened = resources.move()
  const store = new QueuedStore({
    tables,
    self: init.self,
    backend,
    runtime,
    ...(init.bounds === undefined ? {} : { bounds: init.bounds }),
    close: () => opened.disposeAsync(),
  })
  try {
    const recovered = await store.recover()
    if (!wasClean) runtime.logger.info('the store was not closed by the last process', { path, recovered })
    return store
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/** Reads of a store, beside a running peer or without one. */
export type ReadOnlyStore = StoreReader & Disposable

/** Takes no lock and changes nothing. Throws `StoreMissingError`, `StoreVersionError` or `StoreFailedError`. */
export function openReadOnly(folder: string): ReadOnlyStore {
  const path = storePath(folder)
  if (!existsSync(path)) throw new StoreMissingError(path)
  try {
    return new SqliteReadOnlyStore(path)
  } catch (error) {
    throw toStoreError(error, path)
  }
}

class SqliteReadOnlyStore extends StoreReader implements Disposable {
  readonly #close: () => void

  constructor(path: string) {
    const db = openReader(path, { cacheBytes: defaultCacheBytes.read })
    try {
      requireVersion(db, path)
    } catch (error) {
      db.close()
      throw error
    }
    const tables = new SqliteReader(db)
    super(tables, tables.meta('self') ?? '')
    this.#close = () => {
      tables.finalize()
      db.close()
    }
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}

function makeFolder(path: string): void {
  try {
    createPrivateFolder(path)
  } catch (error) {
    throw toStoreError(error, path)
  }
}

/** Makes the file or brings it up to date. Returns whether the last process closed it. */
function prepare({ folder, self }: OpenStoreInit): boolean {
  const path = storePath(folder)
  createPrivateFile(path)
  try {
    const db = openWriter(path, { cacheBytes: defaultCacheBytes.read })
    try {
      migrate(db, path)
      return claim(new SqliteTables(db), path, self)
    } finally {
      db.close()
    }
  } catch (error) {
    throw toStoreError(error, path)
  }
}

function claim(tables: SqliteTables, path: string, self: PeerIdText): boolean {
  try {
    const owner = tables.meta('self')
    if (owner !== undefined && owner !== self) throw new StoreOwnerError(path, owner, self)
    const wasClean = owner === undefined || tables.meta('clean') === '1'
    tables.transaction(() => {
      tables.setMeta('self', self)
      tables.setMeta('clean', '0')
    })
    return wasClean
  } finally {
    tables.finalize()
  }
}
