/** Check and rebuild of the store in a folder: what `cluster state check` and `cluster state rebuild` do. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerIdText } from '../pin/pin.ts'
import type { StoreFault } from '../runtime/store.ts'
import { defaultPrioritySettings, type PrioritySettings } from '../tracker/priority.ts'
import { createRetargetRule } from '../tracker/retarget.ts'
import { type AuditInit, audit, repair } from './audit.ts'
import type { DerivationProgress } from './derivation.ts'
import { StoreMissingError } from './errors.ts'
import { lockFolder } from './lock.ts'
import { LogGuard, type LogGuardInit } from './log-guard.ts'
import { migrate, requireVersion } from './sqlite/migrate.ts'
import { openReader, openScratch, openWriter } from './sqlite/open-database.ts'
import { toStoreError } from './sqlite/sqlite-errors.ts'
import { SqliteReader } from './sqlite/sqlite-reader.ts'
import { SqliteTables } from './sqlite/sqlite-tables.ts'
import { storePath } from './sqlite-store.ts'
import { keptChanges } from './transaction.ts'

export interface CheckInit {
  /** The peer's folder. */
  folder: string
  /** How far the log of a running peer may grow during a check, and how often that is looked at. */
  log?: Pick<LogGuardInit, 'most' | 'interval'>
  signal?: AbortSignal
  onProgress?(progress: DerivationProgress): void
}

export interface RebuildInit extends CheckInit {
  /** The peer whose duties are tracked from now on. */
  self: PeerIdText
  priority?: PrioritySettings
  /** ms since the epoch. */
  now(): number
}

/** Bytes of the page caches of the store and of the scratch tables, each. */
const cacheBytes = 64 * 1024 * 1024

/**
 * Compares all that is derived with what the blocks amount to, as of the moment of the call; a peer may run meanwhile.
 * It needs room on the disk for the derived tables once more, and fails with `StoreMissingError`, `StoreVersionError`,
 * `StoreFullError`, `StoreFailedError`, or
 * with `CheckOvertakenError` when the log of the store has grown by 1 GiB since then.
 */
export async function* checkStore(init: CheckInit): AsyncGenerator<StoreFault, void> {
  const path = existing(init.folder)
  try {
    using resources = new DisposableStack()
    const db = resources.adopt(openReader(path, { cacheBytes }), (open) => open.close())
    requireVersion(db, path)
    const tables = resources.adopt(new SqliteReader(db), (open) => open.finalize())
    // One snapshot for the whole check.
    db.run('BEGIN')
    const guard = resources.use(new LogGuard({ path, release: () => db.run('ROLLBACK'), ...init.log }))
    const pages = audit({ ...shared(init, resources), tables, self: tables.meta('self') ?? '' })
    yield* givingWay(pages, init.signal, guard)
  } catch (error) {
    throw init.signal?.aborted ? error : toStoreError(error, path)
  }
}

/**
 * Makes all that is derived agree with the blocks, under the lock of the folder, and gives what was wrong. Cut off, it can
 * be begun anew. Fails with `StoreLockedError`, `StoreDamagedError` when blocks are damaged, or as `checkStore`.
 */
export async function* rebuildStore(init: RebuildInit): AsyncGenerator<StoreFault, void> {
  const path = existing(init.folder)
  using resources = new DisposableStack()
  resources.use(lockFolder(init.folder))
  try {
    const db = resources.adopt(openWriter(path, { cacheBytes }), (open) => open.close())
    migrate(db, path)
    const tables = resources.adopt(new SqliteTables(db), (open) => open.finalize())
    const { self, now, priority } = init
    yield* givingWay(
      repair({ ...shared(init, resources, priority), tables, self, now, keptChanges }),
      init.signal,
    )
  } catch (error) {
    throw init.signal?.aborted ? error : toStoreError(error, path)
  }
}

function existing(folder: string): string {
  const path = storePath(folder)
  if (!existsSync(path)) throw new StoreMissingError(path)
  return path
}

function shared(
  { folder, onProgress }: CheckInit,
  resources: DisposableStack,
  priority: PrioritySettings = defaultPrioritySettings,
): Pick<AuditInit, 'scratch' | 'rule' | 'hash' | 'onProgress'> {
  return {
    scratch: scratchTables(join(folder, 'store'), resources),
    rule: createRetargetRule(priority),
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
    ...(onProgress === undefined ? {} : { onProgress }),
  }
}

function scratchTables(folder: string, resources: DisposableStack): SqliteTables {
  const db = resources.adopt(openScratch(folder, { cacheBytes }), (open) => open.close())
  migrate(db, folder)
  return resources.adopt(new SqliteTables(db), (open) => open.finalize())
}

/** Lets other work of the process run between pages. */
async function* givingWay(
  pages: Generator<StoreFault[]>,
  signal?: AbortSignal,
  guard?: LogGuard,
): AsyncGenerator<StoreFault, void> {
  for (const faults of pages) {
    signal?.throwIfAborted()
    yield* faults
    await new Promise((resolve) => setImmediate(resolve))
    // Before the next page is read: its snapshot may have gone.
    guard?.throwIfOvertaken()
  }
}
