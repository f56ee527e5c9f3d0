/**
 * What a change of a folded pin means for this peer. The store calls it inside the transaction that changes the pin, so
 * that no crash can part the two.
 */
import type { CID } from 'multiformats/cid'
import { dutyOf, type PeerIdText, type Pin, type PinMode } from '../pin/pin.ts'
import type { LocalRecord } from '../runtime/store.ts'
import { classify, defaultPrioritySettings, type PrioritySettings, priorityClass } from './priority.ts'

export interface Retarget {
  self: PeerIdText
  cid: CID
  /** The record before, if any. */
  record: LocalRecord | undefined
  before: Pin | undefined
  after: Pin | undefined
  /** Number of the change-log row that this change gets. */
  sequence: number
  /** ms since the epoch. */
  now: number
}

/** The record after the change, the very same object when nothing changes; undefined = none is to be kept. */
export type RetargetRule = (change: Retarget) => LocalRecord | undefined

/** The rule with the default priority settings. */
export const retarget: RetargetRule = createRetargetRule(defaultPrioritySettings)

export function createRetargetRule(settings: PrioritySettings): RetargetRule {
  return (change) => {
    const want = wantedMode(change)
    return want === undefined ? release(change) : hold(change, want, settings)
  }
}

/** How this peer is to hold the pin; undefined = not at all. */
function wantedMode({ self, after }: Retarget): PinMode | undefined {
  return after !== undefined && dutyOf(after, self) === 'hold' ? after.mode : undefined
}

/** What this peer never began to pin is not its to unpin: it is forgotten without a word to IPFS. */
function release({ record, sequence, now }: Retarget): LocalRecord | undefined {
  if (record === undefined || !record.owned) return undefined
  if (record.want === 'none') return record
  return {
    ...record,
    want: 'none',
    status: 'unpin_queued',
    generation: sequence,
    attempts: 0,
    error: '',
    since: now,
    nextTryAt: now,
    priority: priorityClass.fresh,
  }
}

function hold(change: Retarget, want: PinMode, settings: PrioritySettings): LocalRecord {
  const { record, cid, after, sequence, now } = change
  if (record?.want === want) return refresh(change, record, settings)
  return {
    cid,
    want,
    status: 'pin_queued',
    generation: sequence,
    attempts: 0,
    error: '',
    since: now,
    nextTryAt: now,
    priority: classify({ kind: 'pin', timestamp: after?.timestamp, attempts: 0, now }, settings),
    owned: record?.owned ?? false,
  }
}

/**
 * The same content is wanted in the same way. What is pinned or under way stays as it is; what failed is tried again at
 * once, because the new pin may name origins that have it; what waits may have become new.
 */
function refresh({ after, now }: Retarget, record: LocalRecord, settings: PrioritySettings): LocalRecord {
  const { status, attempts } = record
  if (status === 'pinned' || status === 'pinning') return record
  const priority = classify({ kind: 'pin', timestamp: after?.timestamp, attempts, now }, settings)
  if (status !== 'pin_queued')
    return { ...record, status: 'pin_queued', since: now, nextTryAt: now, priority }
  return priority === record.priority ? record : { ...record, priority }
}
