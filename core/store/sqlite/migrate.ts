/** Brings the tables of an open database to the version that this program works with. */
import type { Database } from 'bun:sqlite'
import { StoreVersionError } from '../errors.ts'
import { type SchemaStep, schemaSteps } from './schema.ts'

/** The version of the database; 0 for an empty one. */
export function schemaVersion(db: Database): number {
  const known = db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").get()
  if (known === null) return 0
  const row = db.query<{ value: string }, []>("SELECT value FROM meta WHERE name = 'schema'").get()
  return Number(row?.value ?? 0)
}

/** Applies the steps that are missing, each in a transaction. Throws `StoreVersionError` for a newer store. */
export function migrate(db: Database, path: string, steps: readonly SchemaStep[] = schemaSteps): void {
  const known = steps.length
  const found = schemaVersion(db)
  if (found > known) throw new StoreVersionError(path, found, known)
  for (const step of steps.slice(found)) {
    db.transaction(() => {
      step.apply(db)
      db.query("INSERT OR REPLACE INTO meta VALUES ('schema', ?)").run(String(step.version))
    }).immediate()
  }
}

/** For readers, which must not change the file. Throws `StoreVersionError` unless the version is exactly ours. */
export function requireVersion(db: Database, path: string, steps: readonly SchemaStep[] = schemaSteps): void {
  const found = schemaVersion(db)
  if (found !== steps.length) throw new StoreVersionError(path, found, steps.length)
}
