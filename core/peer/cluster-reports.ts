/**
 * What the whole cluster says about one pin: this peer's row and those that the other members give over RPC
 * (`spec/behaviour.md` §4.8, `spec/wire.md` §8). Lists of all pins are in `cluster-lists.ts`.
 */
import type { CID } from 'multiformats/cid'
import { type PinInfoRow, pinInfoFromWire } from '../network/rpc/conversion.ts'
import type { UnaryMethod } from '../network/rpc/method.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { PinInfoWire } from '../network/rpc/wire-types.ts'
import { dutyOf, type PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo } from '../pin/pin-info.ts'
import type { StatusFilter } from '../pin/status.ts'
import type { Store } from '../runtime/store.ts'
import { Answers, type AnswersInit, describe, type Failure, failureOf } from './answers.ts'
import { ClusterLists } from './cluster-lists.ts'
import type { PeerCalls } from './peer-calls.ts'
import type { Reports } from './reports.ts'

/** Milliseconds that one peer may take for the status or recovery of one CID. */
const oneCidTimeout = 15_000

export interface ClusterReportsInit extends AnswersInit {
  self: PeerIdText
  own: Reports
  store: Pick<Store, 'pin' | 'counts'>
  /** Where lists of peers of Go wait on disk. */
  folder: string
  calls: PeerCalls
  /** This peer and the others that are alive. */
  members: () => PeerIdText[]
}

export class ClusterReports {
  readonly #init: ClusterReportsInit
  readonly #answers: Answers
  readonly #lists: ClusterLists

  constructor(init: ClusterReportsInit) {
    this.#init = init
    this.#answers = new Answers(init)
    const { own, calls, store, folder } = init
    this.#lists = new ClusterLists({
      own,
      calls,
      others: () => this.#others(),
      answers: this.#answers,
      pins: () => store.counts().pins,
      folder,
    })
  }

  status(cid: CID, signal?: AbortSignal): Promise<GlobalPinInfo> {
    return this.#oneCid(cid, () => this.#init.own.status(cid), rpc.status, signal)
  }

  recover(cid: CID, signal?: AbortSignal): Promise<GlobalPinInfo> {
    return this.#oneCid(cid, () => this.#init.own.recover(cid), rpc.recover, signal)
  }

  statusAll(filter: StatusFilter, signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    return this.#lists.statusAll(filter, signal)
  }

  recoverAll(signal?: AbortSignal): AsyncGenerator<GlobalPinInfo> {
    return this.#lists.recoverAll(signal)
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
    const answers = others.filter(isAsked).map(async (peer): Promise<PinInfoRow | Failure | undefined> => {
      try {
        return pinInfoFromWire(await this.#init.calls.call(peer, method, cid, limits))
      } catch (error) {
        return failureOf(peer, error)
      }
    })
    const [report, ...rows] = await Promise.all([ownReport(), ...answers])
    for (const peer of others) {
      if (pin === undefined || isAsked(peer)) continue
      const duty = dutyOf(pin, peer) === 'sharded' ? 'sharded' : 'remote'
      report.peerMap.set(peer, this.#answers.told(peer, duty))
    }
    for (const answer of rows) {
      if (answer === undefined) continue
      if ('failure' in answer) this.#answers.failed(report, answer)
      else {
        report.peerMap.set(answer.peer, answer.info)
        describe(report, answer.info, answer)
      }
    }
    signal?.throwIfAborted()
    return report
  }

  #others(): PeerIdText[] {
    return this.#init.members().filter((peer) => peer !== this.#init.self)
  }
}
