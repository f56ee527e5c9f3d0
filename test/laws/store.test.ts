/** Laws of the store's logic, on SQLite and in memory at once: both must do the same, and what the blocks say. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { blockIdOf } from '../../core/crdt/block-id.ts'
import { encodePin } from '../../core/pin/codec.ts'
import { pinKey } from '../../core/pin/key.ts'
import type { DagBlock, TrackedOutcome } from '../../core/runtime/store.ts'
import { audit, repair } from '../../core/store/audit.ts'
import { blockIdOfName } from '../../core/store/block-names.ts'
import { StoreEngine } from '../../core/store/engine.ts'
import type { Batch, BatchAnswer, Job, OutcomeRequest } from '../../core/store/jobs.ts'
import { migrate } from '../../core/store/sqlite/migrate.ts'
import { SqliteTables } from '../../core/store/sqlite/sqlite-tables.ts'
import { StoreReader } from '../../core/store/store-reader.ts'
import type { Tables } from '../../core/store/tables.ts'
import { retarget } from '../../core/tracker/retarget.ts'
import { MemoryTables } from '../sim/memory-tables.ts'
import { deltaBlock } from '../support/crdt-blocks.ts'
import { MemoryPinset } from '../support/memory-pinset.ts'
import { cidOf, other, pinAt, self, startTime } from '../unit/store/fixtures.ts'

/** Milliseconds, for a busy machine. */
const timeout = 60_000

const names = ['a', 'b', 'c', 'd']
const nameArb = fc.constantFrom(...names)
const valueArb = fc.record({ text: fc.constantFrom('x', 'xx', 'y'), mine: fc.boolean() })
type Value = typeof valueArb extends fc.Arbitrary<infer Of> ? Of : never

const pinOf = (name: string, { text, mine }: Value) => pinAt(name, [mine ? self : other], { name: text })
const storedPin = (name: string, value: Value) => encodePin(pinOf(name, value)).slice()

/** SQLite and memory, side by side. */
class Both {
  readonly #db = new Database(':memory:')
  readonly tables: Record<'sqlite' | 'memory', Tables>
  readonly #engines: StoreEngine[]

  constructor() {
    migrate(this.#db, ':memory:')
    this.tables = { sqlite: new SqliteTables(this.#db), memory: new MemoryTables() }
    this.#engines = Object.values(this.tables).map(
      (tables) => new StoreEngine({ tables, self, rule: retarget }),
    )
  }

  commit(batch: Batch): BatchAnswer {
    const [sqlite, memory] = this.#engines.map((engine) => engine.commit(batch)) as [BatchAnswer, BatchAnswer]
    expect(memory).toEqual(sqlite)
    return sqlite
  }

  /** All that readers see; the same on both. */
  contents() {
    const [sqlite, memory] = [contentsOf(this.tables.sqlite), contentsOf(this.tables.memory)]
    expect(memory).toEqual(sqlite)
    return sqlite
  }

  /** The check finds nothing. */
  expectSound(): void {
    for (const tables of Object.values(this.tables)) expect(faultsOf(tables)).toEqual([])
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }
}

function faultsOf(tables: Tables) {
  return [...audit({ tables, scratch: new MemoryTables(), self, rule: retarget })].flat()
}

function contentsOf(tables: Tables) {
  const reader = new StoreReader(tables, self)
  return {
    rows: reader.localRows({ limit: 1000, filter: 0 }).rows,
    heads: reader.heads().sort((a, b) => Buffer.compare(a.cid.bytes, b.cid.bytes)),
    counts: reader.counts(),
    last: reader.lastSequence(),
    blocks: reader.blocks({ limit: 1000 }).rows.length,
    background: names.map((name) => tables.background(tables.keyId(cidOf(name).bytes) ?? 0)),
    orphans: reader.orphans(1000),
  }
}

/** Blocks in which parents come first, with priorities that say anything, as an ill peer could make them. */
const histories = fc
  .array(
    fc.record({
      links: fc.array(fc.nat(), { maxLength: 3 }),
      priority: fc.bigInt(0n, 4n),
      elements: fc.array(fc.record({ name: nameArb, value: valueArb }), { maxLength: 4 }),
      kills: fc.array(fc.record({ name: nameArb, block: fc.nat() }), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((recipes) => {
    const blocks: DagBlock[] = []
    for (const { links, priority, elements, kills } of recipes) {
      const earlier = (n: number) => blocks[n % blocks.length]?.cid
      const parents = [
        ...new Map(links.flatMap((n) => earlier(n) ?? []).map((cid) => [`${cid}`, cid])).values(),
      ]
      const tombstones = kills.flatMap(({ name, block }) => {
        const cid = earlier(block)
        return cid === undefined ? [] : [{ key: pinKey(cidOf(name)), blockId: blockIdOf(cid) }]
      })
      const puts = elements.map(({ name, value }) => ({
        key: pinKey(cidOf(name)),
        value: storedPin(name, value),
      }))
      blocks.push(deltaBlock({ priority, elements: puts, tombstones }, parents))
    }
    return [...new Map(blocks.map((block) => [`${block.cid}`, block])).values()]
  })

const mergeOf = (blocks: DagBlock[]): Job => ({
  kind: 'merge',
  blocks: blocks.map(({ cid, bytes }) => ({ cid: cid.bytes, bytes })),
})

test(
  'any history, merged in any grouping, gives the pins and heads that the merge rules give',
  () => {
    fc.assert(
      fc.property(histories, fc.array(fc.integer({ min: 1, max: 5 })), (blocks, sizes) => {
        using both = new Both()
        const rest = [...blocks]
        for (let i = 0; rest.length > 0; i++) {
          const part = rest.splice(0, sizes[i % (sizes.length || 1)] ?? 1)
          both.commit({ jobs: [mergeOf(part)], now: startTime })
        }
        const reference = new MemoryPinset()
        reference.mergeAll(blocks)
        const { rows, heads } = both.contents()
        const pinned = rows.flatMap(({ pin }) =>
          pin === undefined ? [] : [[`${pin.cid}`, encodePin(pin)] as const],
        )
        const expected = names.flatMap((name) => {
          const value = reference.keys.get(pinKey(cidOf(name)))?.current()?.value
          return value === undefined ? [] : [[`${cidOf(name)}`, value] as const]
        })
        expect(new Map<string, Uint8Array>(pinned)).toEqual(new Map(expected))
        expect(heads.map(({ cid }) => `${cid}`).sort()).toEqual(
          reference.heads
            .list()
            .map(({ cid }) => `${cid}`)
            .sort(),
        )
        both.expectSound()
      }),
      { numRuns: 40 },
    )
  },
  timeout,
)

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pin' as const), name: nameArb, value: valueArb }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('unpin' as const), name: nameArb }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('record' as const),
        name: nameArb,
        status: fc.constantFrom<TrackedOutcome['status']>(
          'pinning',
          'pinned',
          'pin_error',
          'unpinning',
          'unpin_error',
          'gone',
        ),
        owned: fc.boolean(),
        age: fc.constantFrom(0, 0, 0, 1),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('reallocate' as const), name: nameArb, value: valueArb }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('expire' as const), name: nameArb, value: valueArb }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), name: nameArb }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const), name: nameArb, nth: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('requeue' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('bind' as const), node: fc.constantFrom('one', 'two') }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('recover' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('merge' as const), blocks: histories }) },
  ),
  { maxLength: 25, size: 'max' },
)
type Step = typeof steps extends fc.Arbitrary<(infer Of)[]> ? Of : never

function jobOf(step: Step, tables: Tables): Job[] {
  switch (step.do) {
    case 'pin':
      return [
        {
          kind: 'write',
          changes: [{ kind: 'pin', key: cidOf(step.name).bytes, value: storedPin(step.name, step.value) }],
        },
      ]
    case 'unpin':
    case 'withdraw':
      return [{ kind: 'write', changes: [{ kind: step.do, key: cidOf(step.name).bytes }] }]
    case 'expire':
    case 'reallocate':
      return backgroundOf(step, tables)
    case 'kill':
      return killOf(step, tables)
    case 'record':
      return outcomesOf(step, tables)
    case 'requeue':
      return [{ kind: 'requeuePage', limit: 2 }]
    case 'bind':
      return [{ kind: 'bind', ipfsId: step.node }]
    case 'recover':
      return [{ kind: 'recover' }]
    case 'merge':
      return [mergeOf(step.blocks)]
  }
}

/** Work on the pin that is there, which may be another by the time of the commit. */
function backgroundOf(
  { do: kind, name, value }: Extract<Step, { do: 'reallocate' | 'expire' }>,
  tables: Tables,
): Job[] {
  const key = cidOf(name).bytes
  const pin = new StoreReader(tables, self).pin(cidOf(name))
  const from = pin === undefined ? storedPin(name, value) : encodePin(pin).slice()
  const change = kind === 'expire' ? { kind, key, from } : { kind, key, from, value: storedPin(name, value) }
  return [{ kind: 'write', changes: [change] }]
}

/** Somebody else's unpin that knew of one element only. */
function killOf({ name, nth }: Extract<Step, { do: 'kill' }>, tables: Tables): Job[] {
  const id = tables.keyId(cidOf(name).bytes)
  const live = id === undefined ? [] : tables.elements(id)
  const element = live[nth % live.length]
  if (element === undefined) return []
  const tombstone = { key: pinKey(cidOf(name)), blockId: blockIdOfName(element.name) }
  return [mergeOf([deltaBlock({ priority: element.priority, elements: [], tombstones: [tombstone] })])]
}

/** What a tracker could say: nothing that parts a record from what is wanted of it. */
function outcomesOf({ name, status, owned, age }: Extract<Step, { do: 'record' }>, tables: Tables): Job[] {
  const key = cidOf(name).bytes
  const id = tables.keyId(key)
  const state = id === undefined ? undefined : tables.local(id)
  const isUnpin = status === 'gone' || status.startsWith('unpin')
  if (state === undefined || isUnpin !== (state.want === 'none')) return []
  const { want: _, ...rest } = state
  const outcome: OutcomeRequest = {
    ...rest,
    key,
    status,
    owned: owned || isUnpin,
    generation: state.generation - age,
  }
  return [{ kind: 'record', outcomes: [outcome] }]
}

test(
  'any work, in any batches, does the same on SQLite and in memory, and leaves nothing that the check finds',
  () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (all, size) => {
        using both = new Both()
        for (let at = 0; at < all.length; at += size) {
          const jobs = all.slice(at, at + size).flatMap((step) => jobOf(step, both.tables.sqlite))
          const before = both.contents()
          const { changes } = both.commit({ jobs, now: startTime + at })
          const after = both.contents()
          expect(after.last - before.last).toBe(changes.length)
          if (changes.length === 0) expect(after.rows).toEqual(before.rows)
        }
        both.expectSound()
      }),
      { numRuns: 40 },
    )
  },
  timeout,
)

test(
  'a batch that fails leaves no trace',
  () => {
    fc.assert(
      fc.property(steps, steps, (before, failing) => {
        using both = new Both()
        for (const step of before) both.commit({ jobs: jobOf(step, both.tables.sqlite), now: startTime })
        const contents = both.contents()
        for (const tables of Object.values(both.tables)) {
          const full = new StoreEngine({ tables: failingAtEnd(tables), self, rule: retarget })
          for (const step of failing) {
            expect(() => full.commit({ jobs: jobOf(step, tables), now: startTime })).toThrow('no space')
          }
        }
        expect(both.contents()).toEqual(contents)
        both.expectSound()
      }),
      { numRuns: 30 },
    )
  },
  timeout,
)

/** Fails when all of a transaction is done but its end. */
function failingAtEnd(tables: Tables): Tables {
  return new Proxy(tables, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name !== 'transaction') return typeof value === 'function' ? value.bind(target) : value
      return (body: () => unknown) =>
        target.transaction(() => {
          body()
          throw new Error('no space')
        })
    },
  })
}

test(
  'a rebuild of rows that were spoilt at random gives what was there before',
  () => {
    fc.assert(
      fc.property(
        histories,
        fc.array(fc.record({ name: nameArb, how: fc.nat(4) }), { minLength: 1, maxLength: 8 }),
        (blocks, spoilt) => {
          using both = new Both()
          both.commit({ jobs: [mergeOf(blocks)], now: startTime })
          const pins = () => both.contents().rows.map(({ pin }) => pin)
          const before = pins()
          for (const tables of Object.values(both.tables)) {
            tables.transaction(() => {
              for (const { name, how } of spoilt) spoil(tables, name, how)
            })
            const repairing = {
              tables,
              scratch: new MemoryTables(),
              self,
              rule: retarget,
              keptChanges: 1000,
              now: () => startTime,
            }
            for (const _ of repair(repairing));
            expect(faultsOf(tables)).toEqual([])
          }
          expect(pins()).toEqual(before)
        },
      ),
      { numRuns: 40 },
    )
  },
  timeout,
)

function spoil(tables: Tables, name: string, how: number): void {
  const id = tables.keyId(cidOf(name).bytes)
  const [block] = tables.blocksByPriority(undefined, 1)
  if (id === undefined || block === undefined) return
  if (how === 0) tables.setFolded(id, undefined)
  else if (how === 1) tables.addTombstone(id, block.id)
  else if (how === 2) tables.addElement(id, block.id)
  else if (how === 3) for (const element of tables.elements(id)) tables.removeElement(id, element.id)
  else tables.setLocal(id, undefined)
}
