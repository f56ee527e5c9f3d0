/**
 * What the whole cluster says about all pins, merged under each CID (`spec/behaviour.md` §4.8). Memory does not grow with
 * the pinset: peers of ours give pages in the order of CIDs, which are merged as they come, a page of each in memory; rows
 * that come in another order wait in a temporary table on disk.
 */
import { CID } from 'multiformats/cid'
import { ProtocolUnsupportedError } from '../network/errors.ts'
import { encoded } from '../network/rpc/client.ts'
import { pinInfoFromWire, pinInfoToWire } from '../network/rpc/conversion.ts'
import type { StreamMethod } from '../network/rpc/method.ts'
import { rpc } from '../network/rpc/methods.ts'
import { statusPageFromWire } from '../network/rpc/status-pages.ts'
import { type PinInfoWire, pinInfoWire } from '../network/rpc/wire-types.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import { RowSpool } from '../store/row-spool.ts'
import { type Answers, type Failure, failureOf } from './answers.ts'
import { TooManyRowsError } from './errors.ts'
import { mergedByKey } from './merge-by-key.ts'
import { PagedRows } from './paged-rows.ts'
import type { PeerCalls } from './peer-calls.ts'
import type { Reports } from './reports.ts'
import { OwnReports, type RowList, SpooledRows } from './row-lists.ts'

/** Milliseconds that a peer may take for one page. */
const pageTimeout = 15_000
/** Milliseconds without a row. A peer of Go lists all pins of its Kubo before the first, which takes minutes. */
const rowTimeout = 600_000
/**
 * Rows of one peer, besides twice as many as this peer has pins: all hold one pinset, and one that has just joined knows
 * little of it yet.
 */
const spareRows = 100_000
/** Bytes of the rows of one peer, for each row that it may give: names and metadata take hundreds. */
const bytesPerRow = 4_096

export interface ClusterListsInit {
  own: Pick<Reports, 'statusAll' | 'recoverAll' | 'rowOf'>
  calls: PeerCalls
  /** The other members that are alive. */
  others: () => PeerIdText[]
  answers: Answers
  /** How many pins this peer knows of. */
  pins: () => number
  /** Where rows wait. */
  folder: string
}

export class ClusterLists {
  readonly #init: ClusterListsInit

  constructor(init: ClusterListsInit) {
    this.#init = init
  }

  /**
   * By the bytes of the CIDs. Where all peers are of ours, the first rows go out at once; those of the original tell all
   * that they have first. A peer of ours that fails is shown with its error at each CID that follows, one of the original
   * at all.
   */
  async *statusAll(filter: StatusFilter, signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    using spool = new RowSpool(this.#init.folder)
    using calls = callsUntil(signal)
    const paged: PagedRows[] = []
    const failed: Failure[] = []
    await Promise.all(
      this.#init.others().map(async (peer) => {
        try {
          paged.push(await this.#paged(peer, filter, calls.signal))
        } catch (error) {
          const isOriginal = error instanceof ProtocolUnsupportedError
          const failure = isOriginal
            ? await this.#spool(spool, peer, rpc.statusAll, [filter], calls.signal)
            : failureOf(peer, error)
          if (failure !== undefined) failed.push(failure)
        }
      }),
    )
    signal?.throwIfAborted()
    const own = new OwnReports(this.#init.own.statusAll(filter, signal))
    for await (const report of this.#merged(own, [new SpooledRows(spool), ...paged])) {
      for (const { peer, failure } of paged) {
        if (failure !== undefined) this.#init.answers.failed(report, { peer, failure })
      }
      for (const each of failed) this.#init.answers.failed(report, each)
      signal?.throwIfAborted()
      yield report
    }
  }

  /** Only what was queued again, on any peer: it comes in no order, so the rows of all wait on disk. */
  async *recoverAll(signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    using spool = new RowSpool(this.#init.folder)
    const { own, others, answers } = this.#init
    const outcomes = await Promise.all(
      others().map((peer) => this.#spool(spool, peer, rpc.recoverAllLocal, [], signal)),
    )
    signal?.throwIfAborted()
    for await (const report of own.recoverAll(signal)) {
      const row = own.rowOf(report)
      spool.add({ key: row.cid.bytes, peer: row.peer, bytes: encoded(pinInfoWire, pinInfoToWire(row)) })
    }
    for await (const report of this.#merged(new OwnReports([]), [new SpooledRows(spool)])) {
      for (const each of outcomes) if (each !== undefined) answers.failed(report, each)
      yield report
    }
  }

  async *#merged(own: OwnReports, lists: readonly RowList[]): AsyncGenerator<GlobalPinInfo> {
    for await (const { key, having } of mergedByKey<OwnReports | RowList>([own, ...lists])) {
      const ownReport = having.includes(own) ? own.report : undefined
      let report = ownReport
      for (const list of having) {
        if (list instanceof OwnReports) continue
        try {
          report ??= this.#init.answers.blank(CID.decode(key as Uint8Array<ArrayBuffer>))
          list.layInto(report, ownReport !== undefined)
        } catch (error) {
          list.fail(error)
        }
      }
      if (report !== undefined) yield report
    }
  }

  #paged(peer: PeerIdText, filter: StatusFilter, signal: AbortSignal): Promise<PagedRows> {
    return PagedRows.open(peer, async (start) => {
      const query = { f: filter, a: start?.position }
      const page = await this.#init.calls.call(peer, rpc.statusPage, query, { signal, timeout: pageTimeout })
      return statusPageFromWire(page, start?.after)
    })
  }

  /** Takes all rows of one peer, in whatever order; returns why it broke off, if it did. */
  async #spool<Argument>(
    spool: RowSpool,
    peer: PeerIdText,
    method: StreamMethod<Argument, PinInfoWire>,
    values: Argument[],
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const most = 2 * this.#init.pins() + spareRows
    let count = 0
    let size = 0
    try {
      const limits = { stallTimeout: rowTimeout, ...(signal && { signal }) }
      const rows = this.#init.calls.stream(peer, method, values, limits)
      for await (const row of rows) {
        const { cid } = pinInfoFromWire(row)
        const bytes = encoded(pinInfoWire, row)
        size += bytes.length
        if (++count > most || size > most * bytesPerRow) throw new TooManyRowsError(peer, count, size)
        spool.add({ key: cid.bytes, peer, bytes })
      }
      return undefined
    } catch (error) {
      return failureOf(peer, error)
    }
  }
}

/** Calls that end with the list they are for, if not before. */
function callsUntil(signal: AbortSignal | undefined): Disposable & { signal: AbortSignal } {
  const end = new AbortController()
  return {
    signal: signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
    [Symbol.dispose]: () => end.abort(new Error('the list is no longer read')),
  }
}
