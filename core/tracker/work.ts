/** One try of one CID, while it is in work. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../pin/pin.ts'
import type { IpfsPinProgress } from '../runtime/ipfs.ts'
import type { LocalRecord, TrackedOutcome } from '../runtime/store.ts'
import type { IpfsCall, TryName, WorkKey, WorkKind } from './events.ts'

export interface Work {
  readonly key: WorkKey
  readonly cid: CID
  readonly kind: WorkKind
  /** The record as it was when the work was taken. */
  readonly record: LocalRecord
  readonly pin: Pin | undefined
  readonly phase: Phase
  /** True once the store says `pinning` or `unpinning`. */
  readonly begun: boolean
  /** A recursive pin of ours must go before the direct one can be made. */
  readonly unpinFirst: boolean
  /** The check found nothing of it on IPFS. */
  readonly isUnpinned: boolean
  /** How it ended, once that is being recorded. */
  readonly outcome: TrackedOutcome | undefined
  /** The pin changed since the work was taken: its record is another one. */
  readonly isOvertaken: boolean
  /** When its last step began, ms since the epoch. */
  readonly since: number
  /** When it began to run or its last block came, ms since the epoch. */
  readonly progressedAt: number
  /** It leaves its slot to another. */
  readonly isYielding: boolean
  readonly progress: IpfsPinProgress | undefined
}

/** `ready`: its beginning is stored, and it waits for a slot. */
export type Phase = 'checking' | 'beginning' | 'ready' | 'running' | 'cancelling' | 'recording'

/** The machine's own hold on it. */
export type Held = { -readonly [K in keyof Work]: Work[K] }

export function newWork(
  key: WorkKey,
  kind: WorkKind,
  record: LocalRecord,
  pin: Pin | undefined,
  since: number,
): Held {
  return {
    key,
    cid: record.cid,
    kind,
    record,
    pin,
    phase: 'checking',
    begun: false,
    unpinFirst: false,
    isUnpinned: false,
    outcome: undefined,
    isOvertaken: false,
    since,
    progressedAt: since,
    isYielding: false,
    progress: undefined,
  }
}

export function nameOf(work: Work): TryName {
  return { key: work.key, generation: work.record.generation }
}

export function callOf({ kind, record, pin, unpinFirst, isUnpinned }: Work): IpfsCall {
  if (kind === 'unpin') return { kind }
  return { kind, mode: record.want === 'direct' ? 'direct' : 'recursive', pin, unpinFirst, isUnpinned }
}
