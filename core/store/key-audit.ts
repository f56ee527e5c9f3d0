/** One key: what the tables say of it, against what the blocks say. */
import type { PeerIdText } from '../pin/pin.ts'
import type { StoreFault } from '../runtime/store.ts'
import type { RetargetRule } from '../tracker/retarget.ts'
import { repairBackground } from './background.ts'
import { blockIdOfName } from './block-names.ts'
import { applyConsequences, retarget, stateOf } from './consequences.ts'
import { cidOfKey, textOfKeyBytes } from './keys.ts'
import { arePinsEqual } from './pin-value.ts'
import type { KeyBytes, KeyRow, LocalState, TableReader } from './tables.ts'
import type { Transaction } from './transaction.ts'

export interface KeyAuditContext {
  tables: TableReader
  scratch: TableReader
  self: PeerIdText
  rule: RetargetRule
}

export class KeyAudit {
  readonly #context: KeyAuditContext
  readonly #key: KeyBytes
  readonly #row: KeyRow | undefined
  readonly #expected: KeyRow | undefined
  #faults: StoreFault[] | undefined

  constructor(
    context: KeyAuditContext,
    key: KeyBytes,
    row: KeyRow | undefined,
    expected: KeyRow | undefined,
  ) {
    this.#context = context
    this.#key = key
    this.#row = row
    this.#expected = expected
  }

  faults(): StoreFault[] {
    const what = cidOfKey(this.#key).toString()
    return (this.#faults ??= [
      ...this.#setFaults('elements'),
      ...this.#setFaults('tombstones'),
      ...this.#pinFaults(),
      ...this.#dutyFaults(),
      ...this.#backgroundFaults(),
    ].map((fault) => ({ ...fault, what })))
  }

  /** Makes the rows what they should be, with all that follows from it. */
  repair(transaction: Transaction): void {
    const { tables } = transaction
    const id = this.#row?.id ?? tables.addKey(this.#key)
    for (const table of ['elements', 'tombstones'] as const) {
      const { missing, extra } = this.#compare(table)
      for (const name of missing) change(transaction, table, 'add', id, name)
      for (const name of extra) change(transaction, table, 'remove', id, name)
    }
    repairBackground(tables, id)
    const before = this.#row?.folded
    const folded = this.#expected?.folded
    const after =
      folded === undefined
        ? undefined
        : { block: tables.nameBlock(this.#blockName(this.#context.scratch, folded.block)), pin: folded.pin }
    tables.setFolded(id, after)
    applyConsequences(transaction, [{ id, text: textOfKeyBytes(this.#key), key: this.#key, before, after }])
    // What the rule was asked already, it answers in the same way; else the pin is right and the record is not.
    const touched = { id, text: textOfKeyBytes(this.#key), key: this.#key, before: after, after }
    if (!isDutyRight(tables.local(id), this.#expectedDuty(tables.local(id), transaction.now))) {
      retarget(transaction, touched, transaction.nextSequence)
    }
  }

  #setFaults(table: 'elements' | 'tombstones'): Omit<StoreFault, 'what'>[] {
    const { missing, extra } = this.#compare(table)
    const tell = (names: Uint8Array[], problem: string) =>
      names.map((name) => ({ where: table, problem: `${problem} block ${blockIdOfName(name)}` }))
    return [...tell(missing, 'there is no row for'), ...tell(extra, 'there is a row that should not be, for')]
  }

  #pinFaults(): Omit<StoreFault, 'what'>[] {
    const { tables, scratch } = this.#context
    const [has, should] = [this.#row?.folded, this.#expected?.folded]
    if (has === undefined && should === undefined) return []
    if (has === undefined) return [{ where: 'pins', problem: 'it is in the pinset and has no row' }]
    if (should === undefined) return [{ where: 'pins', problem: 'it is not in the pinset and has a row' }]
    const [from, best] = [this.#blockName(tables, has.block), this.#blockName(scratch, should.block)]
    if (Buffer.compare(from, best) !== 0) {
      const problem = `its value is of block ${blockIdOfName(from)} and should be of ${blockIdOfName(best)}`
      return [{ where: 'pins', problem }]
    }
    return arePinsEqual(has.pin, should.pin)
      ? []
      : [{ where: 'pins', problem: 'its row says something else than its element' }]
  }

  #dutyFaults(): Omit<StoreFault, 'what'>[] {
    const has = this.#row?.local
    const should = this.#expectedDuty(has, 0)
    if (isDutyRight(has, should)) return []
    const name = (state: LocalState | undefined) => (state === undefined ? 'no record' : `want ${state.want}`)
    return [{ where: 'local', problem: `there is ${name(has)} and there should be ${name(should)}` }]
  }

  #backgroundFaults(): Omit<StoreFault, 'what'>[] {
    const { tables, scratch } = this.#context
    const rows = this.#row === undefined ? [] : tables.background(this.#row.id)
    if (rows.length === 0) return []
    const live = namesOf(scratch, 'elements', this.#expected)
    const dead = namesOf(scratch, 'tombstones', this.#expected)
    return rows.flatMap(({ block, source, orphaned }) => {
      const [name, copied] = [block, source].map((id) => blockIdOfName(this.#blockName(tables, id)))
      const problem = !live.has(name!)
        ? `there is a row that should not be, for block ${name}`
        : orphaned !== dead.has(copied!)
          ? `the row of block ${name} says that its source ${copied} is ${orphaned ? 'dead' : 'alive'}, and it is not`
          : undefined
      return problem === undefined ? [] : [{ where: 'background', problem }]
    })
  }

  /** The record that the pin asks for, given the one that is there. */
  #expectedDuty(has: LocalState | undefined, now: number): LocalState | undefined {
    const { self, rule } = this.#context
    const cid = cidOfKey(this.#key)
    const pin = this.#expected?.folded?.pin
    const record = has === undefined ? undefined : { cid, ...has }
    const should = rule({ self, cid, record, before: pin, after: pin, sequence: 0, now })
    return should === undefined ? undefined : stateOf(should)
  }

  #compare(table: 'elements' | 'tombstones'): { missing: Uint8Array[]; extra: Uint8Array[] } {
    const { tables, scratch } = this.#context
    const [has, should] = [namesOf(tables, table, this.#row), namesOf(scratch, table, this.#expected)]
    return {
      missing: [...should].filter(([id]) => !has.has(id)).map(([, name]) => name),
      extra: [...has].filter(([id]) => !should.has(id)).map(([, name]) => name),
    }
  }

  #blockName(tables: TableReader, id: number): Uint8Array {
    return tables.block(id)?.name ?? new Uint8Array(0)
  }
}

/** Only what is wanted is derived; how far the work has got is this peer's own knowledge. */
function isDutyRight(has: LocalState | undefined, should: LocalState | undefined): boolean {
  return has?.want === should?.want
}

function namesOf(
  tables: TableReader,
  table: 'elements' | 'tombstones',
  row: KeyRow | undefined,
): Map<string, Uint8Array> {
  if (row === undefined) return new Map()
  const names =
    table === 'elements' ? tables.elements(row.id).map(({ name }) => name) : tables.tombstones(row.id)
  return new Map(names.map((name) => [blockIdOfName(name), name]))
}

function change(
  { tables }: Transaction,
  table: 'elements' | 'tombstones',
  how: 'add' | 'remove',
  key: number,
  name: Uint8Array,
): void {
  const block = tables.nameBlock(name)
  if (table === 'elements') how === 'add' ? tables.addElement(key, block) : tables.removeElement(key, block)
  else if (how === 'add') tables.addTombstone(key, block)
  else tables.removeTombstone(key, block)
}
