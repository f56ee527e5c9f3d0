/**
 * What waits of one kind, as far as it was read from the store: a lane for each class, each in the order of `nextTryAt`.
 * A lane is read when something is wanted of it and it may lack what comes first: the store is asked once for many tries.
 */
import type { LocalRecord, TrackedStatus, WaitingWork } from '../runtime/store.ts'
import { itemBackoff } from './backoff.ts'
import { keyOf, type WorkKey } from './events.ts'
import { never } from './outcomes.ts'
import { firstTryClasses, type PriorityClass, priorityClasses } from './priority.ts'

/** What to do next. */
export type Next =
  | { work: WaitingWork; key: WorkKey }
  /** This lane has to be read first. */
  | { read: PriorityClass }
  /** Nothing is due. `at`: when something will be, ms since the epoch, if anything waits. */
  | { wait: number | undefined }

export interface Turn {
  /** ms since the epoch. */
  now: number
  /** Takes what has been due for longest, whatever its class. */
  isFair: boolean
  /** Only what was never tried when false. */
  mayRetry: boolean
}

interface Lane {
  priority: PriorityClass
  /** The first of what waits, by `nextTryAt`; some of it may not be due yet. */
  first: Map<WorkKey, WaitingWork>
  /** More waits behind what was read. */
  hasMore: boolean
  /** Something came that was not read. */
  hasNews: boolean
}

export class Lanes {
  readonly #lanes: Lane[] = priorityClasses.map((priority) => ({
    priority,
    first: new Map(),
    hasMore: false,
    hasNews: true,
  }))

  /** Something of the class, or of any, may wait that was not read. */
  news(priority?: number): void {
    for (const lane of this.#lanes) {
      if (priority === undefined || lane.priority === priority) lane.hasNews = true
    }
  }

  /** What was read about a CID holds no more; it may wait all the same. */
  drop(key: WorkKey): void {
    for (const lane of this.#lanes) if (lane.first.delete(key)) lane.hasNews = true
  }

  /**
   * Takes in what the store answered when it was asked for `limit` rows. Rows of what is held already are passed over.
   * False when nothing else was among them although more waits: it is then to be read again when less is held.
   */
  fill(priority: number, rows: WaitingWork[], limit: number, isHeld: (key: WorkKey) => boolean): boolean {
    const lane = this.#lanes.find((each) => each.priority === priority)
    if (lane === undefined) return true
    lane.hasNews = false
    lane.hasMore = rows.length === limit
    lane.first = new Map()
    for (const work of rows) {
      const key = keyOf(work.record.cid)
      if (!isHeld(key)) lane.first.set(key, work)
    }
    return lane.first.size > 0 || !lane.hasMore
  }

  /** Takes out what goes first. */
  next({ now, isFair, mayRetry }: Turn): Next {
    let best: { lane: Lane; key: WorkKey; work: WaitingWork } | undefined
    let wait: number | undefined
    for (const lane of this.#lanes) {
      if (!mayRetry && !firstTryClasses.includes(lane.priority)) continue
      const [key, work] = firstDue(lane, now) ?? lane.first.entries().next().value ?? []
      const at = work?.record.nextTryAt
      const isDue = work !== undefined && mayTry(work.record, now)
      if (!isDue && isUnread(lane)) return { read: lane.priority }
      if (at === undefined || work === undefined || key === undefined) continue
      if (!isDue) wait = Math.min(wait ?? at, at)
      else if (best === undefined || (isFair && at < best.work.record.nextTryAt)) best = { lane, key, work }
      if (isDue && !isFair) break
    }
    if (best === undefined) return { wait }
    best.lane.first.delete(best.key)
    return { work: best.work, key: best.key }
  }
}

/** What comes first of what may be tried. After a jump of the clock it may be behind what may not. */
function firstDue({ first }: Lane, now: number): [WorkKey, WaitingWork] | undefined {
  for (const entry of first) if (mayTry(entry[1].record, now)) return entry
  return undefined
}

/**
 * Only what failed waits for a time. What is in the queue is due, and so is what would wait for longer than anything does:
 * the clock was set back since.
 */
function mayTry({ status, nextTryAt }: LocalRecord, now: number): boolean {
  if (dueStatuses.has(status) || nextTryAt <= now) return true
  return nextTryAt !== never && nextTryAt > now + longestDelay
}

const dueStatuses: ReadonlySet<TrackedStatus> = new Set([
  'pin_queued',
  'unpin_queued',
  'unexpectedly_unpinned',
])

/** Milliseconds that a failed try is left alone at most. */
const longestDelay = itemBackoff.cap * (1 + itemBackoff.spread)

/** True when the store may have something that goes before all that was read and is not due. */
function isUnread({ first, hasMore, hasNews }: Lane): boolean {
  return hasNews || (hasMore && first.size === 0)
}
