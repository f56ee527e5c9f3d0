/** What goes into the tracker's machine (`tracker.ts`) and what comes out of it; `driver.ts` is between it and the world. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../pin/pin.ts'
import type { IpfsFailureReason, IpfsPinProgress, IpfsPinState } from '../runtime/ipfs.ts'
import type { LogFields, LogLevel } from '../runtime/ports.ts'
import type { LocalRecord, TrackedOutcome, WaitingQuery, WaitingWork } from '../runtime/store.ts'

export type WorkKind = 'pin' | 'unpin'

/** Text that tells CIDs apart, and that nobody reads; `keyOf` makes it. */
export type WorkKey = string

/** The bytes as they are: the text of a CID that was just read takes ten times as long. */
export function keyOf({ bytes }: CID): WorkKey {
  return String.fromCharCode(...bytes)
}

export interface Failure {
  reason: IpfsFailureReason
  message: string
}

/** Why nothing new is begun: the IPFS node does not answer. */
export interface Outage {
  /** ms since the epoch. */
  since: number
  /** The call that failed first, and the probes that failed since. */
  failures: number
  error: string
}

/** Names one try: results of another generation are dropped. */
export interface TryName {
  key: WorkKey
  generation: number
}

export type TrackerEvent =
  | { type: 'start' }
  /** The store has other records or pins of these CIDs, which are not in work. */
  | { type: 'changed'; changes: QueueChange[] }
  /** The answer to `look`. */
  | { type: 'found'; query: WaitingQuery; work: WaitingWork[] }
  /** The other answer to `look`: the store cannot be read. */
  | { type: 'unreadable'; kind: WorkKind }
  | TryEvent
  /** The pin of a CID in work changed; `record` is what the store holds now. */
  | { type: 'retargeted'; key: WorkKey; record: LocalRecord | undefined }
  /** The node answered the probe. `rebound`: it is another one than before. */
  | { type: 'ready'; rebound: boolean }
  | { type: 'unready'; message: string }
  | { type: 'tick'; wake: Wake }
  | { type: 'stop' }

export interface QueueChange {
  key: WorkKey
  /** The queue that it waits in since then, if the change says so. */
  waits?: Pick<WaitingQuery, 'kind' | 'priority'> | undefined
}

/** News of one try. */
export type TryEvent =
  /** The answer to `check`, when it did not fail. */
  | ({ type: 'checked'; state: IpfsPinState } & TryName)
  /** The beginning that `record` told is durable; not `counts`: it was too old and had no effect. */
  | ({ type: 'begun'; counts: boolean } & TryName)
  /** The end that `record` told is durable, or was too old to count. */
  | ({ type: 'recorded' } & TryName)
  | ({ type: 'progress'; progress: IpfsPinProgress } & TryName)
  /** The call of `run` succeeded. */
  | ({ type: 'finished'; progress?: IpfsPinProgress } & TryName)
  /** The call of `check` or `run` failed, or ended because of `cancel`. */
  | ({ type: 'failed'; failure: Failure } & TryName)

/**
 * What the machine can be woken for; one timer each. `silence`: to see whether IPFS answers at all; `idle`: to see which
 * pins bring nothing.
 */
export type Wake = WorkKind | 'probe' | 'silence' | 'idle'

export type TrackerAction =
  /** Ask the store what waits. */
  | { type: 'look'; query: WaitingQuery }
  /** Ask IPFS how the CID is pinned; `recursiveOnly`: only whether it is so. */
  | ({ type: 'check'; cid: CID; recursiveOnly: boolean } & TryName)
  /** Make durable; together with whatever else waits for it. */
  | ({ type: 'record'; outcome: TrackedOutcome } & TryName)
  | ({ type: 'run'; call: IpfsCall; cid: CID } & TryName)
  /** Abort the call of `check` or `run`; its end is still told. */
  | { type: 'cancel'; key: WorkKey }
  /** Ask the node who it is. */
  | { type: 'probe' }
  | { type: 'wake'; wake: Wake; delay: number }
  | { type: 'log'; level: LogLevel; message: string; fields: LogFields }

export type IpfsCall =
  | { kind: 'unpin' }
  /**
   * `unpinFirst`: this peer's own recursive pin must go before a direct one can be made. `isUnpinned`: the check found that
   * IPFS does not have it.
   */
  | {
      kind: 'pin'
      mode: 'recursive' | 'direct'
      pin: Pin | undefined
      unpinFirst: boolean
      isUnpinned: boolean
    }
