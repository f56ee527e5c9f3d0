/**
 * What this peer says about pins: rows of its own store, with what runs right now. Reports of other peers are merged in by
 * whoever asks them.
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerPinInfo } from '../pin/pin-info.ts'
import { matchesStatus, type StatusFilter } from '../pin/status.ts'
import type { Clock } from '../runtime/ports.ts'
import type { LocalRecord, Store } from '../runtime/store.ts'

/** Rows read at a time. */
const pageSize = 500

export interface ReportsInit {
  self: PeerIdText
  store: Pick<Store, 'pin' | 'local' | 'localRows' | 'requeue'>
  /** This peer's view of one pin, from the tracker. */
  describe: (pin: Pin | undefined, record: LocalRecord | undefined, cid: CID) => PeerPinInfo
  clock: Clock
}

export class Reports {
  readonly #init: ReportsInit

  constructor(init: ReportsInit) {
    this.#init = init
  }

  status(cid: CID): GlobalPinInfo {
    const { store } = this.#init
    return this.#report(cid, store.pin(cid), store.local(cid))
  }

  /** One row per pin, and per unpin under way, of this peer. */
  *statusAll(filter: StatusFilter, signal?: AbortSignal): Generator<GlobalPinInfo> {
    let after: string | undefined
    do {
      signal?.throwIfAborted()
      const page = this.#init.store.localRows({
        limit: pageSize,
        filter,
        ...(after === undefined ? {} : { after }),
      })
      for (const row of page.rows) {
        const info = this.#report(row.cid, row.pin, row.record)
        const own = info.peerMap.get(this.#init.self)
        // The row was read before what runs right now was looked at; between the two it may have moved on.
        if (own !== undefined && matchesStatus(own.status, filter)) yield info
      }
      after = page.next
    } while (after !== undefined)
  }

  async recover(cid: CID): Promise<GlobalPinInfo> {
    await this.#init.store.requeue({ cid, now: this.#init.clock.now() })
    return this.status(cid)
  }

  /** Only what was queued again. */
  async *recoverAll(signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    const { store, clock } = this.#init
    let after: string | undefined
    do {
      signal?.throwIfAborted()
      const query = { now: clock.now(), limit: pageSize, ...(after === undefined ? {} : { after }) }
      const page = await store.requeue(query)
      for (const cid of page.rows) yield this.status(cid)
      after = page.next
    } while (after !== undefined)
  }

  #report(cid: CID, pin: Pin | undefined, record: LocalRecord | undefined): GlobalPinInfo {
    const { self, describe, clock } = this.#init
    return {
      cid,
      name: pin?.name ?? '',
      allocations: pin?.allocations ?? [],
      ...(pin === undefined ? {} : { origins: pin.origins, metadata: pin.metadata }),
      created: pin?.timestamp ?? BigInt(clock.now()) * 1_000_000n,
      peerMap: new Map([[self, describe(pin, record, cid)]]),
    }
  }
}
