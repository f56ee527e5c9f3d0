/** The rows of another peer by the bytes of their CIDs: one page in memory, and the next one on its way. */
import { messageOf } from '../error-text.ts'
import { MsgpackError } from '../network/rpc/msgpack.ts'
import type { StatusPage, StatusRow } from '../network/rpc/status-pages.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import { describe } from './answers.ts'
import type { RowList } from './row-lists.ts'

/** Pages without a row, one after the other: those of 400 million pins, none of which is looked for. */
const maxEmptyPages = 100_000

/** Where a page begins: as the page before says, and after the key of its last row. */
export interface PageStart {
  position: string
  after: Uint8Array | undefined
}

export type LoadPage = (start: PageStart | undefined) => Promise<StatusPage>

export class PagedRows implements RowList {
  readonly peer: PeerIdText
  /** Why the peer gives no more rows; those that it gave before stand. */
  failure: string | undefined
  readonly #load: LoadPage
  #rows: readonly StatusRow[] = []
  #at = 0
  #lastKey: Uint8Array | undefined
  #following: Promise<StatusPage> | undefined

  private constructor(peer: PeerIdText, load: LoadPage) {
    this.peer = peer
    this.#load = load
    this.#request(undefined)
  }

  /** Resolves with the first rows there; rejects with the error of `load`. */
  static async open(peer: PeerIdText, load: LoadPage): Promise<PagedRows> {
    const rows = new PagedRows(peer, load)
    await rows.#turn()
    return rows
  }

  get key(): Uint8Array | undefined {
    return this.#rows[this.#at]?.key
  }

  layInto(report: GlobalPinInfo, isDescribed: boolean): void {
    const row = this.#rows[this.#at]
    if (row === undefined) return
    if (!isDescribed) describe(report, row.info, row.pin())
    report.peerMap.set(this.peer, row.info)
  }

  advance(): Promise<void> | undefined {
    this.#at++
    if (this.#at < this.#rows.length || this.#following === undefined) return undefined
    return this.#turn().catch((error: unknown) => this.fail(error))
  }

  fail(cause: unknown): void {
    this.failure = messageOf(cause)
    this.#rows = []
    this.#following = undefined
  }

  /** Goes on to the next page that has rows, or to the end. */
  async #turn(): Promise<void> {
    for (let empty = 0; this.#following !== undefined; empty++) {
      if (empty > maxEmptyPages) throw new MsgpackError(`more than ${maxEmptyPages} pages without a row`)
      const { rows, next } = await this.#following
      this.#rows = rows
      this.#at = 0
      this.#lastKey = rows.at(-1)?.key ?? this.#lastKey
      if (next === undefined) this.#following = undefined
      else this.#request({ position: next, after: this.#lastKey })
      if (rows.length > 0) return
    }
  }

  #request(start: PageStart | undefined): void {
    this.#following = this.#load(start)
    // Whoever turns the page is told of a failure; nobody may ever do so.
    this.#following.catch(() => undefined)
  }
}
