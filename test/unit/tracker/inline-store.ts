/** The real store on SQLite in memory, in this thread: a commit takes a millisecond of virtual time. */
import { Database } from 'bun:sqlite'
import type { PeerIdText } from '../../../core/pin/pin.ts'
import { StoreEngine } from '../../../core/store/engine.ts'
import { QueuedStore } from '../../../core/store/queued-store.ts'
import { migrate } from '../../../core/store/sqlite/migrate.ts'
import { SqliteTables } from '../../../core/store/sqlite/sqlite-tables.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import type { VirtualTime } from '../../sim/virtual-time.ts'
import { silentLogger } from '../store/fixtures.ts'

export function openInlineStore(self: PeerIdText, time: VirtualTime): QueuedStore {
  const db = new Database(':memory:')
  migrate(db, ':memory:')
  const tables = new SqliteTables(db)
  const engine = new StoreEngine({ tables, self, rule: retarget })
  return new QueuedStore({
    tables,
    self,
    backend: {
      commit: async (batch) => {
        await time.sleep(1)
        return engine.commit(batch)
      },
    },
    runtime: { clock: time, scheduler: time, logger: silentLogger },
    close: async () => db.close(),
  })
}
