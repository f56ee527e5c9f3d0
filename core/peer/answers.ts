/** What other members say of a pin, or why one says nothing, laid into the report about it (`spec/behaviour.md` §4.8). */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { RpcError } from '../network/rpc/errors.ts'
import type { PinPart } from '../network/rpc/status-pages.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { GlobalPinInfo, PeerPinInfo } from '../pin/pin-info.ts'
import type { Clock } from '../runtime/ports.ts'

/** The names by which a member is known from its pings. */
export interface MemberNames {
  peerName: string
  ipfsId: string
  ipfsAddresses: string[]
}

export interface Failure {
  peer: PeerIdText
  failure: string
}

export interface AnswersInit {
  namesOf: (peer: PeerIdText) => MemberNames
  clock: Clock
}

export class Answers {
  readonly #init: AnswersInit

  constructor(init: AnswersInit) {
    this.#init = init
  }

  /** A report that says nothing yet. */
  blank(cid: CID): GlobalPinInfo {
    return { cid, name: '', allocations: [], created: this.#now(), peerMap: new Map() }
  }

  failed(report: GlobalPinInfo, { peer, failure }: Failure): void {
    report.peerMap.set(peer, { ...this.told(peer, 'cluster_error'), error: failure })
  }

  /** A row about a peer that was not asked, or did not answer. */
  told(peer: PeerIdText, status: 'remote' | 'sharded' | 'cluster_error'): PeerPinInfo {
    const { peerName, ipfsId, ipfsAddresses } = this.#init.namesOf(peer)
    return {
      peerName,
      ipfsPeerId: ipfsId,
      ipfsPeerAddresses: ipfsAddresses,
      status,
      timestamp: this.#now(),
      error: '',
      attemptCount: 0,
      priorityPin: false,
    }
  }

  #now(): bigint {
    return BigInt(this.#init.clock.now()) * 1_000_000n
  }
}

/** Takes over what a peer that has the pin says of it. */
export function describe(report: GlobalPinInfo, { status }: PeerPinInfo, pin: PinPart): void {
  if (status === 'cluster_error' || status === 'unpinned') return
  report.name = pin.name
  report.allocations = pin.allocations
  report.origins = pin.origins
  report.metadata = pin.metadata
  if (pin.created !== undefined) report.created = pin.created
}

/** Why a call failed; undefined for a peer that does not trust this one, which callers of the original pass over silently. */
export function failureOf(peer: PeerIdText, error: unknown): Failure | undefined {
  if (error instanceof RpcError && error.kind === 'authorization') return undefined
  return { peer, failure: messageOf(error) }
}
