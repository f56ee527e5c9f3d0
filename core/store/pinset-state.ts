/**
 * The merge rules' view of the tables (`core/crdt/merge.ts`), for one transaction. It remembers each key whose value was
 * set, with the value before the first time, so that what follows from a change is decided once per key.
 */
import type { BlockId } from '../crdt/block-id.ts'
import type { Element, KeyState, PinsetState } from '../crdt/merge.ts'
import type { PeerIdCache } from '../pin/peer-id.ts'
import { noteDeath } from './background.ts'
import { blockIdOfName, blockName } from './block-names.ts'
import type { BlockValues } from './block-values.ts'
import { keyBytesOfText } from './keys.ts'
import { readPin } from './pin-value.ts'
import type { BlockRow, BlockRowId, FoldedRow, KeyBytes, KeyRowId, Tables } from './tables.ts'

/** A key whose value was set. */
export interface TouchedKey {
  id: KeyRowId
  /** As in deltas, such as `/AFYB…`. */
  text: string
  key: KeyBytes
  before: FoldedRow | undefined
  after: FoldedRow | undefined
}

export class TablePinset implements PinsetState {
  readonly tables: Tables
  readonly values: BlockValues
  readonly touched = new Map<KeyRowId, TouchedKey>()
  readonly peerIds: PeerIdCache
  readonly #blocks = new Map<BlockId, BlockRowId>()

  constructor(tables: Tables, values: BlockValues, peerIds: PeerIdCache) {
    this.tables = tables
    this.values = values
    this.peerIds = peerIds
  }

  key(text: string): TableKey | undefined {
    const key = keyBytesOfText(text)
    if (key === undefined) return undefined
    const id = this.tables.keyId(key)
    // What has no row yet has no elements and no tombstones either.
    return id === undefined
      ? new TableKey(this, text, key, this.tables.addKey(key), true)
      : new TableKey(this, text, key, id, false)
  }

  /** The row of a block's name, made when it is new. */
  blockRow(blockId: BlockId): BlockRowId {
    const known = this.#blocks.get(blockId)
    if (known !== undefined) return known
    const id = this.tables.nameBlock(blockName(blockId))
    this.#blocks.set(blockId, id)
    return id
  }
}

export class TableKey implements KeyState {
  readonly #pinset: TablePinset
  readonly #text: string
  readonly #key: KeyBytes
  readonly #id: KeyRowId
  readonly #isNew: boolean
  /** The row as it was first read; null when there is none. */
  #read: FoldedRow | null | undefined

  constructor(pinset: TablePinset, text: string, key: KeyBytes, id: KeyRowId, isNew: boolean) {
    this.#pinset = pinset
    this.#text = text
    this.#key = key
    this.#id = id
    this.#isNew = isNew
  }

  current(): Element | undefined {
    const row = this.#folded()
    if (row === undefined) return undefined
    const block = this.#pinset.tables.block(row.block)
    return block === undefined ? undefined : this.#element(block)
  }

  isTombstoned(blockId: BlockId): boolean {
    if (this.#isNew) return false
    return this.#pinset.tables.hasTombstone(this.#id, this.#pinset.blockRow(blockId))
  }

  *liveElements(): Iterable<Element> {
    if (this.#isNew) return
    for (const block of this.#pinset.tables.elements(this.#id)) yield this.#element(block)
  }

  addElement(element: Element): void {
    // The table of elements has the live ones only; a tombstone can come before its element.
    if (this.isTombstoned(element.blockId)) return
    this.#pinset.tables.addElement(this.#id, this.#pinset.blockRow(element.blockId))
  }

  addTombstone(blockId: BlockId): void {
    const block = this.#pinset.blockRow(blockId)
    this.#pinset.tables.addTombstone(this.#id, block)
    this.#pinset.tables.removeElement(this.#id, block)
    if (!this.#isNew) noteDeath(this.#pinset.tables, this.#id, block)
  }

  setCurrent(element: Element | undefined): void {
    const after = element === undefined ? undefined : this.#foldedRow(element)
    const { touched, tables } = this.#pinset
    const known = touched.get(this.#id)
    if (known !== undefined) known.after = after
    else
      touched.set(this.#id, { id: this.#id, text: this.#text, key: this.#key, before: this.#folded(), after })
    tables.setFolded(this.#id, after)
  }

  #folded(): FoldedRow | undefined {
    const touched = this.#pinset.touched.get(this.#id)
    if (touched !== undefined) return touched.after
    if (this.#isNew) return undefined
    this.#read ??= this.#pinset.tables.folded(this.#id) ?? null
    return this.#read ?? undefined
  }

  #foldedRow(element: Element): FoldedRow {
    const block = this.#pinset.blockRow(element.blockId)
    return { block, pin: readPin(this.#key, element.value, this.#pinset.peerIds) }
  }

  #element(block: BlockRow): Element {
    return new StoredElement(this.#pinset.values, this.#text, block)
  }
}

/** An element whose value is read from its block only when it decides something, which is rare. */
export class StoredElement implements Element {
  readonly blockId: BlockId
  readonly priority: bigint
  readonly #values: BlockValues
  readonly #key: string
  readonly #block: BlockRow

  constructor(values: BlockValues, key: string, block: BlockRow) {
    this.#values = values
    this.#key = key
    this.#block = block
    this.blockId = blockIdOfName(block.name)
    this.priority = block.priority
  }

  get value(): Uint8Array {
    return this.#values.value(this.#block, this.#key)
  }
}
