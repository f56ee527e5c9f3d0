/**
 * What this peer says about pins: rows of its own store, with what runs right now. Reports of other peers are merged in by
 * whoever asks them.
 */
import type { CID } from 'multiformats/cid'
import { isAnnounceable } from '../monitor/informers.ts'
import type { PinInfoRow } from '../network/rpc/conversion.ts'
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import { matchesStatus, type StatusFilter } from '../pin/status.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs, IpfsPinState } from '../runtime/ipfs.ts'
import type { Clock, Scheduler } from '../runtime/ports.ts'
import type { LocalQuery, LocalRecord, Page, Store, TrackedOutcome } from '../runtime/store.ts'
import type { Tracker } from '../tracker/driver.ts'
import { peerPinInfo, type Reporter } from '../tracker/status.ts'
import type { IpfsView } from './ipfs-watch.ts'

/** Rows read at a time. */
const pageSize = 500
/** Milliseconds that the IPFS node may take to say whether one CID is pinned. */
const pinStateTimeout = 1_000

const incompleteText = 'blocks of it were lost on the IPFS node and are fetched again'
const doubtText =
  'a block was lost on the IPFS node; whether this pin still has all of its blocks is being looked at'

export interface ReportsInit {
  self: PeerIdText
  peerName: string
  store: Pick<Store, 'pin' | 'local' | 'localRows' | 'record'>
  ipfs: Pick<Ipfs, 'pinState' | 'proof'>
  tracker: Pick<Tracker, 'inFlight' | 'outage' | 'recover' | 'recoverAll'>
  ipfsView: () => IpfsView
  clock: Clock
  scheduler: Scheduler
}

export class Reports {
  readonly #init: ReportsInit

  constructor(init: ReportsInit) {
    this.#init = init
  }

  /** What is pinned by the store may be unpinned on IPFS behind its back: the IPFS node is asked too, for a second at most. */
  async status(cid: CID): Promise<GlobalPinInfo> {
    const lost = await this.#lost(cid)
    return this.#report(cid, this.#init.store.pin(cid), lost ?? this.#init.store.local(cid))
  }

  /** One row per pin, and per unpin under way, of this peer. */
  *statusAll(filter: StatusFilter, signal?: AbortSignal): Generator<GlobalPinInfo> {
    let after: string | undefined
    do {
      signal?.throwIfAborted()
      const page = this.statusPage({ filter, limit: pageSize, ...(after !== undefined && { after }) })
      yield* page.rows
      after = page.next
    } while (after !== undefined)
  }

  /** A part of `statusAll`. Throws `CursorError`. */
  statusPage(query: LocalQuery): Page<GlobalPinInfo> {
    const { self, store } = this.#init
    const page = store.localRows(query)
    const reporter = this.#reporter()
    const rows = page.rows
      .map(({ cid, pin, record }) => this.#report(cid, pin, record, reporter))
      // The row was read before what runs right now was looked at; between the two it may have moved on.
      .filter(({ peerMap }) => matchesStatus(peerMap.get(self)!.status, query.filter))
    return { ...page, rows }
  }

  async recover(cid: CID): Promise<GlobalPinInfo> {
    const lost = await this.#lost(cid)
    if (lost !== undefined) await this.#init.store.record([lost])
    // A client that asks for a recovery has found something wrong with the pin.
    else if (this.#init.store.local(cid)?.status === 'pinned') await this.#init.ipfs.proof?.suspect(cid)
    await this.#init.tracker.recover(cid)
    return this.#told(cid)
  }

  /** Only what was queued again. */
  async *recoverAll(signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    for await (const cid of this.#init.tracker.recoverAll()) {
      signal?.throwIfAborted()
      yield this.#told(cid)
    }
  }

  /** This peer's own row of a report, as other peers get it. */
  rowOf(report: GlobalPinInfo): PinInfoRow {
    const { cid, name, allocations, created, origins = [], metadata = {} } = report
    const info = report.peerMap.get(this.#init.self)
    if (info === undefined) throw new Error(`a report about ${cid} has no row of this peer`)
    return { cid, name, peer: this.#init.self, allocations, origins, created, metadata, info }
  }

  /** The record of a CID that the store has as pinned and the IPFS node has not, as it is to be. */
  async #lost(cid: CID): Promise<(LocalRecord & TrackedOutcome) | undefined> {
    const { store, ipfs, ipfsView, clock, scheduler } = this.#init
    const record = store.local(cid)
    if (record?.status !== 'pinned' || record.want === 'none' || ipfsView().error !== '') return undefined
    let state: IpfsPinState
    using limit = new Deadline(scheduler, pinStateTimeout)
    try {
      state = await ipfs.pinState(cid, { signal: limit.signal })
    } catch {
      // What was last proven stands.
      return undefined
    }
    if (state === 'recursive' || state === record.want) return undefined
    const latest = store.local(cid)
    // Meanwhile it may have been unpinned for good reason.
    if (latest?.status !== 'pinned' || latest.generation !== record.generation) return undefined
    const now = clock.now()
    return { ...latest, status: 'unexpectedly_unpinned', since: now, nextTryAt: now }
  }

  /** The record as it holds: a pin that the IPFS node itself doubts is not told as pinned. */
  #proven(record: LocalRecord | undefined): LocalRecord | undefined {
    if (record?.status !== 'pinned') return record
    const doubt = this.#init.ipfs.proof?.doubt(record.cid)
    if (doubt === undefined) return record
    return doubt === 'incomplete'
      ? { ...record, status: 'unexpectedly_unpinned', error: incompleteText }
      : { ...record, status: 'pin_queued', error: doubtText }
  }

  /** From the store alone. */
  #told(cid: CID): GlobalPinInfo {
    const { store } = this.#init
    return this.#report(cid, store.pin(cid), store.local(cid))
  }

  #reporter(): Reporter {
    const { peerName, tracker, ipfsView, clock } = this.#init
    const { identity } = ipfsView()
    return {
      peerName,
      ipfsPeerId: identity?.id ?? '',
      ipfsPeerAddresses: (identity?.addresses ?? []).filter(isAnnounceable),
      outage: tracker.outage,
      now: clock.now(),
    }
  }

  #report(
    cid: CID,
    pin: Pin | undefined,
    record: LocalRecord | undefined,
    reporter = this.#reporter(),
  ): GlobalPinInfo {
    const { self, tracker } = this.#init
    const proven = this.#proven(record)
    const own = peerPinInfo({ self, pin, record: proven, inFlight: tracker.inFlight(cid) }, reporter)
    return {
      cid,
      name: pin?.name ?? '',
      allocations: pin?.allocations ?? [],
      ...(pin === undefined ? {} : { origins: pin.origins, metadata: pin.metadata }),
      created: pin?.timestamp ?? BigInt(reporter.now) * 1_000_000n,
      peerMap: new Map([[self, own]]),
    }
  }
}
