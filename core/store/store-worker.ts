/**
 * The Worker that owns the writing connection: it takes batches one after another and answers each. `worker-backend.ts`
 * is its other end.
 */

import { createHash } from 'node:crypto'
import { messageOf } from '../error-text.ts'
import { createRetargetRule } from '../tracker/retarget.ts'
import { StoreEngine } from './engine.ts'
import { StoreDamagedError } from './errors.ts'
import { openWriter } from './sqlite/open-database.ts'
import { isFull } from './sqlite/sqlite-errors.ts'
import { SqliteTables } from './sqlite/sqlite-tables.ts'
import type { FromWorker, ToWorker, WorkerFailure, WorkerSetup } from './worker-messages.ts'

declare const self: Worker

interface OpenStore {
  tables: SqliteTables
  engine: StoreEngine
  close(): void
}

let store: OpenStore | undefined

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  let reply: FromWorker
  try {
    reply = { id: data.id, ...handle(data) }
  } catch (error) {
    reply = { id: data.id, error: toFailure(error) }
  }
  self.postMessage(reply)
}

function handle(message: ToWorker): Omit<Exclude<FromWorker, { error: unknown }>, 'id'> {
  switch (message.kind) {
    case 'open':
      store = open(message.setup)
      return {}
    case 'commit':
      if (store === undefined) throw new Error('the store is not open')
      return { answer: store.engine.commit(message.batch) }
    case 'close':
      store?.close()
      store = undefined
      return {}
  }
}

function open({ path, self: peer, priority, keptChanges, ...settings }: WorkerSetup): OpenStore {
  const db = openWriter(path, settings)
  const tables = new SqliteTables(db)
  const engine = new StoreEngine({
    tables,
    self: peer,
    rule: createRetargetRule(priority),
    keptChanges,
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
  })
  return {
    tables,
    engine,
    close() {
      try {
        tables.transaction(() => tables.setMeta('clean', '1'))
      } catch {
        // All that counts is stored; the next process only says that it found no mark.
      }
      tables.finalize()
      db.close()
    },
  }
}

function toFailure(error: unknown): WorkerFailure {
  if (error instanceof StoreDamagedError) return { kind: 'damaged', cause: error.problem }
  return { kind: isFull(error) ? 'full' : 'failed', cause: messageOf(error) }
}
