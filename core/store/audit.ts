/**
 * Compares the tables with what the blocks amount to, and makes them agree when it is asked to. Works in pages, so that
 * a caller can give way between them and memory stays bounded.
 */
import { type Sha256, sha256 } from '../crdt/sha256.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { StoreCounts, StoreFault } from '../runtime/store.ts'
import type { RetargetRule } from '../tracker/retarget.ts'
import { blockIdOfName } from './block-names.ts'
import { Derivation, type DerivationProgress } from './derivation.ts'
import { StoreDamagedError } from './errors.ts'
import { KeyAudit } from './key-audit.ts'
import type { BlockWithBytes, KeyBytes, KeyRow, TableReader, Tables } from './tables.ts'
import { readCounts, Transaction } from './transaction.ts'

export interface AuditInit {
  tables: TableReader
  /** Empty tables to compute in. */
  scratch: Tables
  self: PeerIdText
  rule: RetargetRule
  hash?: Sha256
  onProgress?(progress: DerivationProgress): void
}

export interface RepairInit extends AuditInit {
  tables: Tables
  keptChanges: number
  /** ms since the epoch. */
  now(): number
}

/** Faults of one structure that are told one by one. */
const faultsOfIntegrity = 100

/** Keys compared at once, and repaired in one transaction. */
const keysAtOnce = 500

/** Gives a page of faults at a time, also empty ones, so that the caller can give way. */
export function* audit(init: AuditInit): Generator<StoreFault[]> {
  for (const problem of init.tables.integrityFaults(faultsOfIntegrity)) {
    yield [{ where: 'file', what: 'structure', problem }]
  }
  yield* derive(init)
  yield headFaults(init)
  const found = emptyCounts(init)
  for (const rows of pairedKeys(init, found)) yield rows.flatMap((row) => row.faults())
  yield countFaults(init.tables, found)
}

/**
 * Makes the tables agree with the blocks. Each page is one transaction: cut off in between, it is begun anew. Gives the
 * faults that it repaired. Throws `StoreDamagedError`, with nothing changed, when blocks themselves are damaged: what they
 * had would be lost.
 */
export function* repair(init: RepairInit): Generator<StoreFault[]> {
  const { tables } = init
  // First of all: a walk by an index that lacks rows would miss blocks.
  tables.transaction(() => tables.repairIntegrity())
  for (const faults of derive(init)) {
    const [first] = faults
    if (first !== undefined) throw new StoreDamagedError(`block ${first.what}: ${first.problem}`)
    yield []
  }
  yield headFaults(init)
  const transaction = () => new Transaction(init, init.now())
  tables.transaction(() => repairHeads(init))
  const found = emptyCounts(init)
  for (const rows of pairedKeys(init, undefined)) {
    const wrong = rows.filter((row) => row.faults().length > 0)
    yield wrong.flatMap((row) => row.faults())
    if (wrong.length === 0) continue
    tables.transaction(() => {
      const current = transaction()
      for (const row of wrong) row.repair(current)
      current.finish()
    })
  }
  for (const _ of pairedKeys(init, found)) yield []
  yield countFaults(tables, found)
  tables.transaction(() => {
    tables.setMeta('counts', JSON.stringify(found))
    tables.setMeta('self', init.self)
  })
}

function* derive({ tables, scratch, hash = sha256, onProgress }: AuditInit): Generator<StoreFault[]> {
  const derivation = new Derivation(tables, scratch, hash)
  const total = readCounts(tables.meta('counts')).blocks
  let last: BlockWithBytes | undefined
  for (let page = derivation.next(last); page !== undefined; page = derivation.next(last)) {
    last = page.last
    onProgress?.({ phase: 'blocks', done: derivation.blocks, total })
    yield page.faults
  }
}

/** Rows of both sides, key by key, in pages. Counts what it passes in `found`. */
function* pairedKeys(init: AuditInit, found: StoreCounts | undefined): Generator<KeyAudit[]> {
  let after: KeyBytes | undefined
  let done = 0
  for (;;) {
    const [rows, expected] = [
      init.tables.keysInOrder(after, keysAtOnce),
      init.scratch.keysInOrder(after, keysAtOnce),
    ]
    const pairs = pair(rows, expected)
    if (pairs.length === 0) return
    after = pairs.at(-1)?.key
    yield pairs.map(({ key, row, expected: derived }) => {
      if (row !== undefined && found !== undefined) count(found, row)
      return new KeyAudit(init, key, row, derived)
    })
    init.onProgress?.({ phase: 'pins', done: (done += pairs.length) })
  }
}

interface Pair {
  key: KeyBytes
  row: KeyRow | undefined
  expected: KeyRow | undefined
}

/** Brings two pages together. Keys beyond the end of the shorter one are left for the next page. */
function pair(rows: KeyRow[], expected: KeyRow[]): Pair[] {
  const pairs: Pair[] = []
  let [i, j] = [0, 0]
  while (i < rows.length || j < expected.length) {
    const [a, b] = [rows[i], expected[j]]
    if (a === undefined && rows.length === keysAtOnce) break
    if (b === undefined && expected.length === keysAtOnce) break
    const order = a === undefined ? 1 : b === undefined ? -1 : Buffer.compare(a.key, b.key)
    const key = (order <= 0 ? a?.key : b?.key) as KeyBytes
    pairs.push({ key, row: order <= 0 ? a : undefined, expected: order >= 0 ? b : undefined })
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return pairs
}

function count(counts: StoreCounts, { folded, local }: KeyRow): void {
  if (folded?.pin !== undefined) counts.pins++
  if (local !== undefined) counts.local[local.status] = (counts.local[local.status] ?? 0) + 1
}

/** What is known before the keys are passed. */
function emptyCounts({ scratch }: AuditInit): StoreCounts {
  let blocks = 0
  for (let last: BlockWithBytes | undefined; ; ) {
    const page = scratch.blocksByPriority(last, keysAtOnce)
    if (page.length === 0) break
    blocks += page.length
    last = page.at(-1)
  }
  return { pins: 0, local: {}, blocks, heads: scratch.heads().length }
}

function countFaults(tables: TableReader, found: StoreCounts): StoreFault[] {
  const kept = readCounts(tables.meta('counts'))
  const faults: StoreFault[] = []
  const compare = (what: string, has: number, counted: number): void => {
    if (has === counted) return
    faults.push({ where: 'counters', what, problem: `the counter says ${has}, there are ${counted}` })
  }
  compare('pins', kept.pins, found.pins)
  compare('blocks', kept.blocks, found.blocks)
  compare('heads', kept.heads, found.heads)
  for (const status of new Set([...statuses(kept), ...statuses(found)])) {
    compare(status, kept.local[status] ?? 0, found.local[status] ?? 0)
  }
  return faults
}

function statuses({ local }: StoreCounts): (keyof StoreCounts['local'])[] {
  return Object.keys(local) as (keyof StoreCounts['local'])[]
}

function headFaults({ tables, scratch }: AuditInit): StoreFault[] {
  const [has, should] = [headNames(tables), headNames(scratch)]
  return [
    ...[...has.keys()]
      .filter((id) => !should.has(id))
      .map((what) => ({ what, problem: 'a block links to it, or it is missing' })),
    ...[...should.keys()]
      .filter((id) => !has.has(id))
      .map((what) => ({ what, problem: 'no block links to it, and it is not listed' })),
  ].map((fault) => ({ where: 'heads', ...fault }))
}

function repairHeads({ tables, scratch }: RepairInit): void {
  const [has, should] = [headNames(tables), headNames(scratch)]
  for (const [id, name] of has) if (!should.has(id)) tables.removeHead(tables.nameBlock(name))
  for (const [id, name] of should) if (!has.has(id)) tables.addHead(tables.nameBlock(name))
}

function headNames(tables: TableReader): Map<string, Uint8Array> {
  return new Map(tables.heads().map(({ name }) => [blockIdOfName(name), name]))
}
