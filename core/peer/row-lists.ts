/** Lists of rows about pins in the order of CIDs, each laid into the report of its CID: this peer's own, and spooled ones. */
import { type PinInfoRow, pinInfoFromWire } from '../network/rpc/conversion.ts'
import { MsgpackReader } from '../network/rpc/msgpack.ts'
import { pinInfoWire } from '../network/rpc/wire-types.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import type { RowSpool, SpooledRow } from '../store/row-spool.ts'
import { describe } from './answers.ts'
import type { Sorted } from './merge-by-key.ts'

export interface RowList extends Sorted {
  /**
   * Lays what comes next into a report, and what it says of the pin, unless the report says that already. Throws
   * `MsgpackError` for what cannot be read.
   */
  layInto(report: GlobalPinInfo, isDescribed: boolean): void
  /** Takes no more from a list that cannot be read. */
  fail(cause: unknown): void
}

/** This peer's reports. */
export class OwnReports implements Sorted {
  readonly #reports: Iterator<GlobalPinInfo>
  #next: GlobalPinInfo | undefined

  constructor(reports: Iterable<GlobalPinInfo>) {
    this.#reports = reports[Symbol.iterator]()
    this.advance()
  }

  get report(): GlobalPinInfo | undefined {
    return this.#next
  }

  get key(): Uint8Array | undefined {
    return this.#next?.cid.bytes
  }

  advance(): undefined {
    const { done, value } = this.#reports.next()
    this.#next = done === true ? undefined : value
  }
}

/** Rows of any peers that waited on disk. */
export class SpooledRows implements RowList {
  readonly #rows: Iterator<SpooledRow>
  #ahead: { key: Uint8Array; row: PinInfoRow } | undefined
  #group: { key: Uint8Array; rows: PinInfoRow[] } | undefined

  /** No row may be added to the spool any more. */
  constructor(spool: RowSpool) {
    this.#rows = spool.rows()
    this.#read()
    this.advance()
  }

  get key(): Uint8Array | undefined {
    return this.#group?.key
  }

  layInto(report: GlobalPinInfo, isDescribed: boolean): void {
    for (const row of this.#group?.rows ?? []) {
      report.peerMap.set(row.peer, row.info)
      if (!isDescribed) describe(report, row.info, row)
    }
  }

  advance(): undefined {
    if (this.#ahead === undefined) {
      this.#group = undefined
      return
    }
    const { key } = this.#ahead
    this.#group = { key, rows: [] }
    while (this.#ahead !== undefined && Buffer.compare(this.#ahead.key, key) === 0) {
      this.#group.rows.push(this.#ahead.row)
      this.#read()
    }
  }

  fail(cause: unknown): never {
    // What is on disk was readable when it was put there.
    throw cause
  }

  #read(): void {
    const { done, value } = this.#rows.next()
    if (done === true) this.#ahead = undefined
    else {
      const row = pinInfoFromWire(pinInfoWire.read(new MsgpackReader(value.bytes)))
      // A peer speaks for itself, whatever it writes.
      this.#ahead = { key: value.key, row: { ...row, peer: value.peer } }
    }
  }
}
