/**
 * The store's tables in memory. A transaction leaves the list of its row changes, which `redo` applies again: that list
 * is what the simulated store writes to its disk.
 */
import { decodePin, encodePin } from '../../core/pin/codec.ts'
import type { PinType } from '../../core/pin/pin.ts'
import type { TrackedStatus } from '../../core/runtime/store.ts'
import { cidOfKey } from '../../core/store/keys.ts'
import {
  type BackgroundRow,
  type BlockRow,
  type BlockRowId,
  type BlockWithBytes,
  type ChangeKind,
  type ChangeRow,
  type FoldedRow,
  type KeyBytes,
  type KeyRow,
  type KeyRowId,
  type LocalState,
  type LocalSummary,
  type MetaName,
  type Tables,
  type WorkKind,
  waitingStatuses,
} from '../../core/store/tables.ts'
import {
  bytes,
  compareBlocks,
  hex,
  type Row,
  type RowChange,
  type Rows,
  secondsOf,
  type TableName,
} from './memory-rows.ts'

export class MemoryTables implements Tables {
  readonly #rows: { [Name in TableName]: Map<string, Rows[Name]> } = {
    keys: new Map(),
    folded: new Map(),
    local: new Map(),
    blocks: new Map(),
    heads: new Map(),
    elements: new Map(),
    tombstones: new Map(),
    background: new Map(),
    changes: new Map(),
    meta: new Map(),
  }
  /** Hexadecimal keys in their order, which is that of their bytes. */
  #sortedKeys: string[] | undefined
  readonly #idsByKey = new Map<string, KeyRowId>()
  readonly #idsByName = new Map<string, BlockRowId>()
  readonly #blocksByKey = {
    elements: new Map<KeyRowId, Set<BlockRowId>>(),
    tombstones: new Map<KeyRowId, Set<BlockRowId>>(),
    background: new Map<KeyRowId, Set<BlockRowId>>(),
  }
  /** Of the change rows, which have no gaps; 0 = there are none. */
  #changes = { oldest: 0, newest: 0 }
  /** Pins that were decoded, by their rows. */
  readonly #decoded = new WeakMap<Rows['folded'], FoldedRow>()
  #done: RowChange[] = []
  #before: RowChange[] = []

  transaction<Result>(body: () => Result): Result {
    this.#done = []
    this.#before = []
    try {
      return body()
    } catch (error) {
      this.undo()
      throw error
    }
  }

  /** The row changes of the last transaction. */
  get done(): readonly RowChange[] {
    return this.#done
  }

  /** Takes the last transaction back. */
  undo(): void {
    for (const change of this.#before.reverse()) this.#apply(change)
    this.#before = []
  }

  /** Does what a transaction did. */
  redo(changes: readonly RowChange[]): void {
    for (const change of changes) this.#apply(change)
  }

  keyId(key: KeyBytes): KeyRowId | undefined {
    return this.#idsByKey.get(hex(key))
  }

  keyRow(id: KeyRowId): KeyRow | undefined {
    const row = this.#rows.keys.get(String(id))
    if (row === undefined) return undefined
    return { id, key: bytes(row.key), folded: this.folded(id), local: this.local(id) }
  }

  folded(key: KeyRowId): FoldedRow | undefined {
    const row = this.#rows.folded.get(String(key))
    const name = this.#rows.keys.get(String(key))?.key
    if (row === undefined || name === undefined) return undefined
    const known = this.#decoded.get(row)
    if (known !== undefined) return known
    const pin = row.pin === null ? undefined : decodePin(cidOfKey(bytes(name)), bytes(row.pin))
    const folded: FoldedRow = { block: row.block, pin }
    this.#decoded.set(row, folded)
    return folded
  }

  local(key: KeyRowId): LocalState | undefined {
    const row = this.#rows.local.get(String(key))
    return row === undefined ? undefined : { ...row }
  }

  keysInOrder(after: KeyBytes | undefined, limit: number): KeyRow[] {
    return this.#select(after, limit, () => true)
  }

  foldedInOrder(after: KeyBytes | undefined, limit: number): KeyRow[] {
    return this.keysInOrder(after, limit).map((row) => ({ ...row, local: undefined }))
  }

  foldedById(after: KeyRowId, limit: number): KeyRow[] {
    return this.keysById(after, limit).map((row) => ({ ...row, local: undefined }))
  }

  keysById(after: KeyRowId, limit: number): KeyRow[] {
    return [...this.#rows.keys.keys()]
      .map(Number)
      .filter((id) => id > after)
      .sort((a, b) => a - b)
      .slice(0, limit)
      .flatMap((id) => this.keyRow(id) ?? [])
  }

  pinsOfType(type: Exclude<PinType, 'data'>, after: KeyBytes | undefined, limit: number): KeyRow[] {
    return this.#select(after, limit, (id) => this.folded(id)?.pin?.type === type)
  }

  pinsByExpiry(until: number, after: { expire: number; id: KeyRowId } | undefined, limit: number): KeyRow[] {
    const isAfter = (expire: number, id: KeyRowId) =>
      after === undefined || expire > after.expire || (expire === after.expire && id > after.id)
    return [...this.#rows.folded.keys()]
      .flatMap((id) => this.keyRow(Number(id)) ?? [])
      .flatMap((row) => {
        const expire = secondsOf(row.folded?.pin?.expireAt)
        return expire === undefined ? [] : [{ expire, row: { ...row, local: undefined } }]
      })
      .filter(({ expire, row }) => expire <= until && isAfter(expire, row.id))
      .sort((a, b) => a.expire - b.expire || a.row.id - b.row.id)
      .slice(0, limit)
      .map(({ row }) => row)
  }

  localOfStatus(
    status: Exclude<TrackedStatus, 'pinned'>,
    after: KeyBytes | undefined,
    limit: number,
  ): KeyRow[] {
    return this.#select(after, limit, (id) => this.#rows.local.get(String(id))?.status === status)
  }

  localById(after: KeyRowId, limit: number): LocalSummary[] {
    return [...this.#rows.local]
      .map(([id, { want, status }]) => ({ id: Number(id), want, status }))
      .filter(({ id }) => id > after)
      .sort((a, b) => a.id - b.id)
      .slice(0, limit)
  }

  waiting(kind: WorkKind, priority: number, limit: number): KeyRow[] {
    return this.#waiting(kind, priority)
      .slice(0, limit)
      .flatMap(([id]) => this.keyRow(id) ?? [])
  }

  blockId(name: Uint8Array): BlockRowId | undefined {
    return this.#idsByName.get(hex(name))
  }

  block(id: BlockRowId): BlockRow | undefined {
    const row = this.#rows.blocks.get(String(id))
    if (row === undefined || row.priority === null) return undefined
    return { id, name: bytes(row.name), priority: BigInt(row.priority) }
  }

  blockBytes(id: BlockRowId): Uint8Array | undefined {
    const found = this.#rows.blocks.get(String(id))?.bytes ?? undefined
    return found === undefined ? undefined : bytes(found)
  }

  blocksByPriority(after: { priority: bigint; id: BlockRowId } | undefined, limit: number): BlockWithBytes[] {
    return [...this.#rows.blocks.keys()]
      .flatMap((id) => this.block(Number(id)) ?? [])
      .filter((row) => after === undefined || compareBlocks(row, after) > 0)
      .sort(compareBlocks)
      .slice(0, limit)
      .map((row) => ({ ...row, bytes: this.blockBytes(row.id) ?? new Uint8Array(0) }))
  }

  heads(): BlockRow[] {
    return [...this.#rows.heads.keys()].flatMap((id) => this.block(Number(id)) ?? [])
  }

  elements(key: KeyRowId): BlockRow[] {
    return [...(this.#blocksByKey.elements.get(key) ?? [])]
      .flatMap((id) => this.block(id) ?? [])
      .sort((a, b) => compareBlocks(b, a))
  }

  hasElement(key: KeyRowId, block: BlockRowId): boolean {
    return this.#rows.elements.has(`${key}/${block}`)
  }

  hasTombstone(key: KeyRowId, block: BlockRowId): boolean {
    return this.#rows.tombstones.has(`${key}/${block}`)
  }

  tombstones(key: KeyRowId): Uint8Array[] {
    return [...(this.#blocksByKey.tombstones.get(key) ?? [])].map((id) => this.#nameOf(id))
  }

  background(key: KeyRowId): BackgroundRow[] {
    return [...(this.#blocksByKey.background.get(key) ?? [])]
      .sort((a, b) => a - b)
      .flatMap((block) => {
        const row = this.#rows.background.get(`${key}/${block}`)
        return row === undefined ? [] : [{ block, ...row }]
      })
  }

  orphanedKeys(limit: number): KeyBytes[] {
    const keys = [...this.#rows.background]
      .filter(([, { orphaned }]) => orphaned)
      .map(([id]) => Number(id.split('/')[0]))
    return [...new Set(keys)]
      .sort((a, b) => a - b)
      .slice(0, limit)
      .map((key) => this.#keyOf(key))
  }

  changesAfter(sequence: number, limit: number): ChangeRow[] {
    return [...this.#rows.changes]
      .map(([at, { key, kind }]) => ({ sequence: Number(at), key: this.#keyOf(key), kind }))
      .filter((row) => row.sequence > sequence)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit)
  }

  changeRange(): { oldest: number; newest: number } {
    return this.#changes
  }

  meta(name: MetaName): string | undefined {
    return this.#rows.meta.get(name)?.value
  }

  integrityFaults(): string[] {
    return []
  }

  addKey(key: KeyBytes): KeyRowId {
    const id = this.#rows.keys.size + 1
    this.#put('keys', id, { key: hex(key) })
    return id
  }

  setFolded(key: KeyRowId, row: FoldedRow | undefined): void {
    if (row === undefined) this.#put('folded', key, null)
    else
      this.#put('folded', key, {
        block: row.block,
        pin: row.pin === undefined ? null : hex(encodePin(row.pin)),
      })
  }

  setLocal(key: KeyRowId, state: LocalState | undefined): void {
    this.#put('local', key, state === undefined ? null : { ...state })
  }

  nameBlock(name: Uint8Array): BlockRowId {
    const known = this.blockId(name)
    if (known !== undefined) return known
    const id = this.#rows.blocks.size + 1
    this.#put('blocks', id, { name: hex(name), priority: null, bytes: null })
    return id
  }

  fillBlock(id: BlockRowId, priority: bigint, content: Uint8Array): void {
    const name = this.#rows.blocks.get(String(id))?.name
    if (name === undefined) throw new RangeError(`no block has row ${id}`)
    this.#put('blocks', id, { name, priority: String(priority), bytes: hex(content) })
  }

  addHead(block: BlockRowId): void {
    this.#put('heads', block, true)
  }

  removeHead(block: BlockRowId): void {
    if (this.#rows.heads.has(String(block))) this.#put('heads', block, null)
  }

  addElement(key: KeyRowId, block: BlockRowId): void {
    this.#put('elements', `${key}/${block}`, true)
  }

  removeElement(key: KeyRowId, block: BlockRowId): void {
    if (this.hasElement(key, block)) this.#put('elements', `${key}/${block}`, null)
  }

  addTombstone(key: KeyRowId, block: BlockRowId): void {
    this.#put('tombstones', `${key}/${block}`, true)
  }

  removeTombstone(key: KeyRowId, block: BlockRowId): void {
    if (this.hasTombstone(key, block)) this.#put('tombstones', `${key}/${block}`, null)
  }

  setBackground(key: KeyRowId, block: BlockRowId, row: Omit<BackgroundRow, 'block'> | undefined): void {
    const id = `${key}/${block}`
    if (row !== undefined) this.#put('background', id, { source: row.source, orphaned: row.orphaned })
    else if (this.#rows.background.has(id)) this.#put('background', id, null)
  }

  repairIntegrity(): void {}

  addChange(sequence: number, key: KeyRowId, kind: ChangeKind): void {
    this.#put('changes', sequence, { key, kind })
  }

  dropChanges(upTo: number): void {
    for (const at of [...this.#rows.changes.keys()]) if (Number(at) <= upTo) this.#put('changes', at, null)
  }

  setMeta(name: MetaName, value: string): void {
    this.#put('meta', name, { value })
  }

  #put<Name extends TableName>(table: Name, id: string | number, row: Rows[Name] | null): void {
    const key = String(id)
    this.#before.push([table, key, this.#rows[table].get(key) ?? null])
    const change: RowChange = [table, key, row]
    this.#done.push(change)
    this.#apply(change)
  }

  #apply([table, id, row]: RowChange): void {
    const rows = this.#rows[table] as Map<string, Row>
    const before = rows.get(id)
    if (row === null) rows.delete(id)
    else rows.set(id, row)
    this.#index(table, id, (row ?? before) as Row, row !== null)
  }

  /** Keeps the ways to find rows by something other than their id. */
  #index(table: TableName, id: string, row: Row, isThere: boolean): void {
    if (table === 'changes') {
      this.#changes = rangeWith(this.#changes, Number(id), isThere)
    } else if (table === 'keys') {
      this.#sortedKeys = undefined
      setOrDelete(this.#idsByKey, (row as Rows['keys']).key, Number(id), isThere)
    } else if (table === 'blocks') {
      setOrDelete(this.#idsByName, (row as Rows['blocks']).name, Number(id), isThere)
    } else if (table === 'elements' || table === 'tombstones' || table === 'background') {
      const [key, block] = id.split('/').map(Number) as [number, number]
      const blocks = this.#blocksByKey[table].get(key) ?? new Set()
      if (isThere) blocks.add(block)
      else blocks.delete(block)
      this.#blocksByKey[table].set(key, blocks)
    }
  }

  #select(after: KeyBytes | undefined, limit: number, pick: (id: KeyRowId) => boolean): KeyRow[] {
    const from = after === undefined ? '' : hex(after)
    this.#sortedKeys ??= [...this.#idsByKey.keys()].sort()
    const rows: KeyRow[] = []
    for (const key of this.#sortedKeys) {
      if (rows.length === limit) break
      const id = this.#idsByKey.get(key) as KeyRowId
      if (key <= from || !pick(id)) continue
      rows.push(this.keyRow(id) as KeyRow)
    }
    return rows
  }

  #waiting(kind: WorkKind, priority: number): [KeyRowId, LocalState][] {
    return [...this.#rows.local]
      .map(([id, state]): [KeyRowId, LocalState] => [Number(id), state])
      .filter(([, state]) => waitingStatuses[kind].includes(state.status))
      .filter(([, state]) => state.priority === priority)
      .sort(([a, x], [b, y]) => x.nextTryAt - y.nextTryAt || a - b)
  }

  #nameOf(id: BlockRowId): Uint8Array {
    const row = this.#rows.blocks.get(String(id))
    if (row === undefined) throw new RangeError(`no block has row ${id}`)
    return bytes(row.name)
  }

  #keyOf(id: KeyRowId): KeyBytes {
    const row = this.#rows.keys.get(String(id))
    if (row === undefined) throw new RangeError(`no key has row ${id}`)
    return bytes(row.key)
  }
}

/** The range of numbers without gaps that one is put at the end of, or taken from either end of. */
function rangeWith(range: { oldest: number; newest: number }, at: number, isThere: boolean) {
  const { oldest, newest } = range
  if (isThere) return { oldest: oldest === 0 ? at : Math.min(oldest, at), newest: Math.max(newest, at) }
  if (oldest === newest) return at === oldest ? { oldest: 0, newest: 0 } : range
  return { oldest: at === oldest ? at + 1 : oldest, newest: at === newest ? at - 1 : newest }
}

function setOrDelete(map: Map<string, number>, key: string, id: number, isThere: boolean): void {
  if (isThere) map.set(key, id)
  else map.delete(key)
}
