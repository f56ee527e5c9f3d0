/** A census of the records: what was seen is a bit of its row, so that counting writes nothing and forgets by being dropped. */
import type { CID } from 'multiformats/cid'
import type { Census, LocalRecord, Page } from '../runtime/store.ts'
import { decodeRowCursor, encodeRowCursor } from './cursor.ts'
import { cidOfKey } from './keys.ts'
import { pageLimit } from './page-limit.ts'
import { RowBits } from './row-bits.ts'
import type { KeyRowId, LocalState, TableReader } from './tables.ts'

export class TableCensus implements Census {
  readonly #tables: TableReader
  readonly #seen = { recursive: new RowBits(), direct: new RowBits() }

  constructor(tables: TableReader) {
    this.#tables = tables
  }

  saw(cid: CID, mode: 'recursive' | 'direct'): void {
    const id = this.#tables.keyId(cid.bytes)
    if (id !== undefined) this.#seen[mode].add(id)
  }

  unseen({ limit, after }: { limit: number; after?: string }): Page<LocalRecord> {
    const found = this.#tables.localById(
      after === undefined ? 0 : decodeRowCursor('l', after),
      pageLimit(limit),
    )
    const rows = found.flatMap(({ id, want, status }) =>
      status === 'pinned' && !this.#isSeen(id, want) ? this.#record(id) : [],
    )
    const last = found.at(-1)
    return last === undefined || found.length < limit
      ? { rows }
      : { rows, next: encodeRowCursor('l', last.id) }
  }

  #isSeen(id: KeyRowId, want: LocalState['want']): boolean {
    return this.#seen.recursive.has(id) || (want === 'direct' && this.#seen.direct.has(id))
  }

  #record(id: KeyRowId): LocalRecord[] {
    const row = this.#tables.keyRow(id)
    return row?.local === undefined ? [] : [{ cid: cidOfKey(row.key), ...row.local }]
  }
}
