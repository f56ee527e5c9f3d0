/**
 * What a change of a folded pin means for this peer. The store calls it inside the transaction that changes the pin, so
 * that no crash can part the two.
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { LocalRecord } from '../runtime/store.ts'

export interface Retarget {
  self: PeerIdText
  cid: CID
  /** The record before, if any. */
  record: LocalRecord | undefined
  before: Pin | undefined
  after: Pin | undefined
  /** ms since the epoch. */
  now: number
}

/** The record after the change; undefined = none is to be kept. */
export type RetargetRule = (change: Retarget) => LocalRecord | undefined
