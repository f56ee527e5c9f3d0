/** What the store reads costs the same in a large store: every statement goes by a key or an index. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { encodePin } from '../../../core/pin/codec.ts'
import type { Pin } from '../../../core/pin/pin.ts'
import { statusBits } from '../../../core/pin/status.ts'
import { StoreEngine } from '../../../core/store/engine.ts'
import type { KeyChangeRequest } from '../../../core/store/jobs.ts'
import { migrate } from '../../../core/store/sqlite/migrate.ts'
import { SqliteTables } from '../../../core/store/sqlite/sqlite-tables.ts'
import { StoreReader } from '../../../core/store/store-reader.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import { cidOf, pinOf, self, startTime } from './fixtures.ts'

/** Tables that stay small: scanning them is what reading them is for. */
const smallTables = /^SCAN h$/

test('no statement of the engine or of a reader scans a table', () => {
  using db = new Database(':memory:')
  migrate(db, ':memory:')
  const statements = new Set<string>()
  const watched = new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'prepare') statements.add(String(args[0]))
        return value.apply(target, args)
      }
    },
  })
  useEverything(new SqliteTables(watched))
  expect(statements.size).toBeGreaterThan(30)
  const scans = [...statements].flatMap((sql) =>
    db
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .filter(({ detail }) => detail.startsWith('SCAN') && !smallTables.test(detail))
      .map(({ detail }) => `${detail}: ${sql}`),
  )
  expect(scans).toEqual([])
})

function useEverything(tables: SqliteTables): void {
  const engine = new StoreEngine({ tables, self, rule: retarget, keptChanges: 1 })
  const write = (...changes: KeyChangeRequest[]) =>
    engine.commit({ jobs: [{ kind: 'write', changes }], now: startTime })
  const { bytes: key } = cidOf('a')
  const stored = (fields: Partial<Pin>) => encodePin(pinOf('a', fields)).slice()
  const [first, second] = [stored({ metadata: { colour: 'blue' } }), stored({ name: 'again' })]
  write({ kind: 'pin', key, value: first })
  write({ kind: 'reallocate', key, value: second, from: first })
  write({ kind: 'withdraw', key })
  engine.commit({
    jobs: [
      { kind: 'bind', ipfsId: 'one' },
      { kind: 'bind', ipfsId: 'two' },
      { kind: 'requeuePage', limit: 5 },
      { kind: 'recover' },
    ],
    now: startTime,
  })
  const reader = new StoreReader(tables, self)
  reader.pins({ limit: 5 })
  reader.pins({ limit: 5, order: 'any' })
  reader.expired({ before: startTime, limit: 5 })
  reader.orphans(5)
  reader.mayBeWithdrawn(cidOf('a'))
  reader.pins({ limit: 5, types: ['meta'] })
  reader.localRows({ limit: 5, filter: 0 })
  reader.localRows({ limit: 5, filter: statusBits.pin_error })
  reader.waiting({ kind: 'pin', priority: 0, limit: 5 })
  reader.waiting({ kind: 'unpin', priority: 0, limit: 5 })
  reader.blocks({ limit: 5 })
  reader.heads()
  reader.census().unseen({ limit: 5 })
  reader.changes(reader.lastSequence(), 5)
  reader.counts()
  const id = tables.keyId(key)!
  tables.tombstones(id)
  write({ kind: 'expire', key, from: second })
  tables.setLocal(id, undefined)
  tables.removeTombstone(id, 1)
}
