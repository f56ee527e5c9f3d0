/**
 * The queue part of a store, in memory: pins are folded by the real retarget rule, and outcomes are durable a millisecond
 * after they were given.
 */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../../../core/pin/pin.ts'
import type {
  Change,
  DueQuery,
  DueWork,
  LocalRecord,
  Page,
  RequeueQuery,
  TrackedOutcome,
} from '../../../core/runtime/store.ts'
import type { TrackerStore } from '../../../core/tracker/driver.ts'
import { keyOf } from '../../../core/tracker/events.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import type { VirtualTime } from '../../sim/virtual-time.ts'

export const self = '12D3KooWSelf'
export const other = '12D3KooWOther'

const waiting: Record<'pin' | 'unpin', readonly string[]> = {
  pin: ['pin_queued', 'pin_error', 'unexpectedly_unpinned'],
  unpin: ['unpin_queued', 'unpin_error'],
}

export class QueueStore implements TrackerStore {
  readonly records = new Map<string, LocalRecord>()
  readonly pins = new Map<string, Pin>()
  /** Every outcome that was given, the dropped ones too. */
  readonly given: TrackedOutcome[] = []
  /** While set, nothing can be recorded. */
  full: Error | undefined
  boundTo: string | undefined
  readonly #time: VirtualTime
  readonly #listeners = new Set<(changes: Change[]) => void>()
  #sequence = 0

  constructor(time: VirtualTime) {
    this.#time = time
  }

  /** The folded pin becomes `pin`. */
  fold(cid: CID, pin: Pin | undefined): void {
    const key = keyOf(cid)
    const before = this.pins.get(key)
    if (pin === undefined) this.pins.delete(key)
    else this.pins.set(key, pin)
    const sequence = ++this.#sequence
    const record = retarget({
      self,
      cid,
      record: this.records.get(key),
      before,
      after: pin,
      sequence,
      now: this.#time.now(),
    })
    this.#put(key, record)
    this.#tell({ sequence, cid, kind: 'pinset' })
  }

  /** The record, made up. */
  put(record: LocalRecord): void {
    this.#put(keyOf(record.cid), record)
    this.#tell({ sequence: ++this.#sequence, cid: record.cid, kind: 'local' })
  }

  local(cid: CID): LocalRecord | undefined {
    return this.records.get(keyOf(cid))
  }

  due({ kind, limit, now, order, classes }: DueQuery): DueWork[] {
    const due = this.#waiting(kind).filter(
      ({ nextTryAt, priority }) => nextTryAt <= now && classes.includes(priority),
    )
    due.sort((a, b) => (order === 'priority' ? a.priority - b.priority : 0) || a.nextTryAt - b.nextTryAt)
    return due.slice(0, limit).map((record) => {
      const pin = this.pins.get(keyOf(record.cid))
      return { record, ...(pin === undefined ? {} : { pin }) }
    })
  }

  nextDue(kind: 'pin' | 'unpin'): number | undefined {
    const times = this.#waiting(kind).map(({ nextTryAt }) => nextTryAt)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async record(outcomes: TrackedOutcome[]): Promise<void> {
    await this.#time.sleep(1)
    if (this.full !== undefined) throw this.full
    for (const outcome of outcomes) {
      this.given.push(outcome)
      const key = keyOf(outcome.cid)
      const before = this.records.get(key)
      if (before?.generation !== outcome.generation) continue
      const { status, ...rest } = outcome
      this.#put(key, status === 'gone' ? undefined : { ...before, ...rest, status })
      this.#tell({ sequence: ++this.#sequence, cid: outcome.cid, kind: 'local' })
    }
  }

  async requeue(query: RequeueQuery): Promise<Page<CID>> {
    await this.#time.sleep(1)
    const rows: CID[] = []
    for (const [key, record] of this.records) {
      if ('cid' in query && keyOf(query.cid) !== key) continue
      const { status } = record
      if (status !== 'pin_error' && status !== 'unpin_error' && status !== 'unexpectedly_unpinned') continue
      const queued = status === 'unpin_error' ? 'unpin_queued' : 'pin_queued'
      this.#put(key, { ...record, status: queued, nextTryAt: query.now })
      rows.push(record.cid)
    }
    return { rows }
  }

  async bindIpfs(ipfsId: string): Promise<boolean> {
    const rebound = this.boundTo !== undefined && this.boundTo !== ipfsId
    this.boundTo = ipfsId
    if (!rebound) return false
    for (const [key, record] of this.records) {
      const unproven = {
        ...record,
        status: 'pin_queued',
        owned: false,
        generation: ++this.#sequence,
      } as const
      this.#put(key, record.want === 'none' ? undefined : unproven)
    }
    return true
  }

  onChange(listener: (changes: Change[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #waiting(kind: 'pin' | 'unpin'): LocalRecord[] {
    return [...this.records.values()].filter(({ status }) => waiting[kind].includes(status))
  }

  #put(key: string, record: LocalRecord | undefined): void {
    if (record === undefined) this.records.delete(key)
    else this.records.set(key, record)
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener([change])
  }
}
