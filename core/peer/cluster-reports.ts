/**
 * What the whole cluster says about pins: this peer's rows and those that the other members give over RPC, merged under each
 * CID (`spec/behaviour.md` §4.8, `spec/wire.md` §8). Memory does not grow with the pinset.
 */
import type { CID } from 'multiformats/cid'
import { encoded } from '../network/rpc/client.ts'
import { type PinInfoRow, pinInfoFromWire } from '../network/rpc/conversion.ts'
import { RpcError } from '../network/rpc/errors.ts'
import type { StreamMethod, UnaryMethod } from '../network/rpc/method.ts'
import { rpc } from '../network/rpc/methods.ts'
import { MsgpackReader } from '../network/rpc/msgpack.ts'
import { type PinInfoWire, pinInfoWire } from '../network/rpc/wire-types.ts'
import { dutyOf, type PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerPinInfo } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import type { Clock } from '../runtime/ports.ts'
import type { Store } from '../runtime/store.ts'
import { RowSpool } from '../store/row-spool.ts'
import type { PeerCalls } from './peer-calls.ts'
import type { Reports } from './reports.ts'

/** Milliseconds that one peer may take for the status or recovery of one CID. */
const oneCidTimeout = 15_000

/** The names by which a member is known from its pings. */
export interface MemberNames {
  peerName: string
  ipfsId: string
  ipfsAddresses: string[]
}

export interface ClusterReportsInit {
  self: PeerIdText
  own: Reports
  store: Pick<Store, 'pin'>
  calls: PeerCalls
  /** This peer and the others that are alive. */
  members: () => PeerIdText[]
  namesOf: (peer: PeerIdText) => MemberNames
  clock: Clock
}

type RowOrFailure = PinInfoRow | { peer: PeerIdText; failure: string }

export class ClusterReports {
  readonly #init: ClusterReportsInit

  constructor(init: ClusterReportsInit) {
    this.#init = init
  }

  status(cid: CID, signal?: AbortSignal): Promise<GlobalPinInfo> {
    return this.#oneCid(cid, () => this.#init.own.status(cid), rpc.status, signal)
  }

  recover(cid: CID, signal?: AbortSignal): Promise<GlobalPinInfo> {
    return this.#oneCid(cid, () => this.#init.own.recover(cid), rpc.recover, signal)
  }

  statusAll(filter: StatusFilter, signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    return this.#all(rpc.statusAll, [filter], this.#init.own.statusAll(filter, signal), signal)
  }

  /** Only what was queued again, on any peer. */
  recoverAll(signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    return this.#all(rpc.recoverAllLocal, [], this.#init.own.recoverAll(signal), signal, 'unordered')
  }

  async #oneCid(
    cid: CID,
    ownReport: () => Promise<GlobalPinInfo>,
    method: UnaryMethod<CID, PinInfoWire>,
    signal?: AbortSignal,
  ): Promise<GlobalPinInfo> {
    const pin = this.#init.store.pin(cid)
    const others = this.#others()
    // A peer that need not hold the pin has nothing to tell; of what is not in the pinset, all may still hold some.
    const isAsked = (peer: PeerIdText) => pin === undefined || dutyOf(pin, peer) === 'hold'
    const limits = { timeout: oneCidTimeout, ...(signal && { signal }) }
    const answers = others.filter(isAsked).map(async (peer): Promise<RowOrFailure | undefined> => {
      try {
        return pinInfoFromWire(await this.#init.calls.call(peer, method, cid, limits))
      } catch (error) {
        return isNotAllowed(error) ? undefined : { peer, failure: messageOf(error) }
      }
    })
    const [report, ...rows] = await Promise.all([ownReport(), ...answers])
    for (const peer of others) {
      if (pin === undefined || isAsked(peer)) continue
      report.peerMap.set(peer, this.#told(peer, dutyOf(pin, peer) === 'sharded' ? 'sharded' : 'remote'))
    }
    for (const answer of rows) if (answer !== undefined) this.#take(report, answer)
    signal?.throwIfAborted()
    return report
  }

  async *#all(
    method: StreamMethod<number, PinInfoWire> | StreamMethod<object, PinInfoWire>,
    values: number[],
    own: Iterable<GlobalPinInfo> | AsyncIterable<GlobalPinInfo>,
    signal: AbortSignal | undefined,
    order: 'by CID' | 'unordered' = 'by CID',
  ): AsyncGenerator<GlobalPinInfo> {
    using spool = new RowSpool()
    const failed: { peer: PeerIdText; failure: string }[] = []
    const limits = signal === undefined ? {} : { signal }
    await Promise.all(
      this.#others().map(async (peer) => {
        try {
          const rows = this.#init.calls.stream(
            peer,
            method as StreamMethod<number, PinInfoWire>,
            values,
            limits,
          )
          for await (const row of rows) {
            if (row.c !== undefined) spool.add({ key: row.c.bytes, peer, bytes: encoded(pinInfoWire, row) })
          }
        } catch (error) {
          if (!isNotAllowed(error)) failed.push({ peer, failure: messageOf(error) })
        }
      }),
    )
    signal?.throwIfAborted()
    if (order === 'unordered') {
      // Rows of this peer join those of the others on disk: they do not come by CID.
      for await (const report of own) this.#spoolOwn(spool, report)
      own = []
    }
    for await (const report of mergedByCid(own, spool.rows(), (rows) => this.#reportOf(rows))) {
      for (const each of failed) this.#take(report, each)
      yield report
    }
  }

  #spoolOwn(spool: RowSpool, report: GlobalPinInfo): void {
    const { self, own } = this.#init
    spool.add({ key: report.cid.bytes, peer: self, bytes: encoded(pinInfoWire, own.rowOf(report)) })
  }

  #reportOf(rows: PinInfoRow[]): GlobalPinInfo {
    const [firstRow] = rows
    if (firstRow === undefined) throw new Error('a report without rows')
    const { cid, clock } = { cid: firstRow.cid, clock: this.#init.clock }
    const report: GlobalPinInfo = {
      cid,
      name: '',
      allocations: [],
      created: BigInt(clock.now()) * 1_000_000n,
      peerMap: new Map(),
    }
    for (const row of rows) this.#take(report, row)
    return report
  }

  #take(report: GlobalPinInfo, answer: RowOrFailure): void {
    if ('failure' in answer) {
      report.peerMap.set(answer.peer, { ...this.#told(answer.peer, 'cluster_error'), error: answer.failure })
      return
    }
    report.peerMap.set(answer.peer, answer.info)
    if (answer.info.status === 'cluster_error' || answer.info.status === 'unpinned') return
    report.name = answer.name
    report.allocations = answer.allocations
    report.origins = answer.origins
    report.metadata = answer.metadata
    if (answer.created !== undefined) report.created = answer.created
  }

  /** A row about a peer that was not asked, or did not answer. */
  #told(peer: PeerIdText, status: 'remote' | 'sharded' | 'cluster_error'): PeerPinInfo {
    const { peerName, ipfsId, ipfsAddresses } = this.#init.namesOf(peer)
    return {
      peerName,
      ipfsPeerId: ipfsId,
      ipfsPeerAddresses: ipfsAddresses,
      status,
      timestamp: BigInt(this.#init.clock.now()) * 1_000_000n,
      error: '',
      attemptCount: 0,
      priorityPin: false,
    }
  }

  #others(): PeerIdText[] {
    return this.#init.members().filter((peer) => peer !== this.#init.self)
  }
}

/** Merges this peer's reports and the rows of others, both by CID; rows of one CID come out as one report. */
async function* mergedByCid(
  own: Iterable<GlobalPinInfo> | AsyncIterable<GlobalPinInfo>,
  spooled: Iterable<{ key: Uint8Array; bytes: Uint8Array }>,
  reportOf: (rows: PinInfoRow[]) => GlobalPinInfo,
): AsyncGenerator<GlobalPinInfo> {
  const others = groupedByKey(spooled)
  let other = others.next()
  for await (const report of own) {
    while (!other.done && Buffer.compare(other.value.key, report.cid.bytes) < 0) {
      yield reportOf(other.value.rows)
      other = others.next()
    }
    if (!other.done && Buffer.compare(other.value.key, report.cid.bytes) === 0) {
      for (const row of other.value.rows) report.peerMap.set(row.peer, row.info)
      other = others.next()
    }
    yield report
  }
  for (; !other.done; other = others.next()) yield reportOf(other.value.rows)
}

function* groupedByKey(
  spooled: Iterable<{ key: Uint8Array; bytes: Uint8Array }>,
): Generator<{ key: Uint8Array; rows: PinInfoRow[] }, undefined> {
  let group: { key: Uint8Array; rows: PinInfoRow[] } | undefined
  for (const { key, bytes } of spooled) {
    const row = pinInfoFromWire(pinInfoWire.read(new MsgpackReader(bytes)))
    if (group !== undefined && Buffer.compare(group.key, key) === 0) {
      group.rows.push(row)
      continue
    }
    if (group !== undefined) yield group
    group = { key, rows: [row] }
  }
  if (group !== undefined) yield group
}

/** Callers of the original pass silently over peers that do not trust them. */
function isNotAllowed(error: unknown): boolean {
  return error instanceof RpcError && error.kind === 'authorization'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
