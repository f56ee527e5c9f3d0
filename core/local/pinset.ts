/** The pinset of a peer that is stopped, or that runs: its store, opened for reading only. */
import type { CID } from 'multiformats/cid'
import type { Pin, PinType } from '../pin/pin.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import { matchesStatus } from '../pin/status.ts'
import type { LocalRecord, Page } from '../runtime/store.ts'
import { openReadOnly, type ReadOnlyStore } from '../store/sqlite-store.ts'
import { peerPinInfo } from '../tracker/status.ts'

/** Rows read at a time. */
const pageSize = 500

export class LocalPinset implements Disposable {
  readonly #store: ReadOnlyStore
  readonly #peerName: string

  /** `peerName` names this peer in statuses. Throws `StoreMissingError`, `StoreVersionError` or `StoreFailedError`. */
  constructor(folder: string, peerName = '') {
    this.#store = openReadOnly(folder)
    this.#peerName = peerName
  }

  pin(cid: CID): Pin | undefined {
    return this.#store.pin(cid)
  }

  *pins(types?: PinType[]): Generator<Pin> {
    yield* pages((after) =>
      this.#store.pins({
        limit: pageSize,
        ...(types === undefined ? {} : { types }),
        ...(after === undefined ? {} : { after }),
      }),
    )
  }

  /** What this peer last knew about a CID; `now` is in ms since the epoch. */
  status(cid: CID, now: number): GlobalPinInfo {
    return this.#info(cid, this.#store.pin(cid), this.#store.local(cid), now)
  }

  *statuses(filter: StatusFilter, now: number): Generator<GlobalPinInfo> {
    const rows = pages((after) =>
      this.#store.localRows({ limit: pageSize, filter, ...(after === undefined ? {} : { after }) }),
    )
    for (const { cid, pin, record } of rows) {
      const info = this.#info(cid, pin, record, now)
      if ([...info.peerMap.values()].some(({ status }) => matchesStatus(status, filter))) yield info
    }
  }

  count(): number {
    return this.#store.counts().pins
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]()
  }

  #info(cid: CID, pin: Pin | undefined, record: LocalRecord | undefined, now: number): GlobalPinInfo {
    const { self } = this.#store
    const reporter = {
      peerName: this.#peerName,
      ipfsPeerId: '',
      ipfsPeerAddresses: [],
      outage: undefined,
      now,
    }
    return {
      cid,
      name: pin?.name ?? '',
      allocations: pin?.allocations ?? [],
      ...(pin === undefined ? {} : { origins: pin.origins, metadata: pin.metadata }),
      created: pin?.timestamp ?? BigInt(now) * 1_000_000n,
      peerMap: new Map([[self, peerPinInfo({ self, pin, record, inFlight: undefined }, reporter)]]),
    }
  }
}

function* pages<Row>(read: (after: string | undefined) => Page<Row>): Generator<Row> {
  let after: string | undefined
  do {
    const page = read(after)
    yield* page.rows
    after = page.next
  } while (after !== undefined)
}
