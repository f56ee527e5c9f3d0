/**
 * The queue part of a store, in memory: pins are folded by the real retarget rule, and outcomes are durable a millisecond
 * after they were given.
 */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../../../core/pin/pin.ts'
import type {
  CommittedChange,
  LocalRecord,
  Page,
  RequeueQuery,
  TrackedOutcome,
  WaitingQuery,
  WaitingWork,
} from '../../../core/runtime/store.ts'
import type { TrackerStore } from '../../../core/tracker/driver.ts'
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
  readonly #listeners = new Set<(changes: CommittedChange[]) => void>()
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
    const changes: CommittedChange[] = [{ sequence, cid, kind: 'pinset' }]
    if (record !== this.records.get(key)) changes.push(this.#set(cid, record))
    this.#tell(changes)
  }

  /** The record, made up. */
  put(record: LocalRecord): void {
    this.#tell([this.#set(record.cid, record)])
  }

  local(cid: CID): LocalRecord | undefined {
    return this.records.get(keyOf(cid))
  }

  waiting({ kind, priority, limit }: WaitingQuery): WaitingWork[] {
    return [...this.records.values()]
      .filter((record) => waiting[kind].includes(record.status) && record.priority === priority)
      .sort((a, b) => a.nextTryAt - b.nextTryAt)
      .slice(0, limit)
      .map((record) => {
        const pin = this.pins.get(keyOf(record.cid))
        return { record, ...(pin === undefined ? {} : { pin }) }
      })
  }

  async record(outcomes: TrackedOutcome[]): Promise<number[]> {
    await this.#time.sleep(1)
    if (this.full !== undefined) throw this.full
    const changes: CommittedChange[] = []
    const tooOld: number[] = []
    for (const [at, outcome] of outcomes.entries()) {
      this.given.push(outcome)
      const before = this.local(outcome.cid)
      if (before?.generation !== outcome.generation) {
        tooOld.push(at)
        continue
      }
      const { status, ...rest } = outcome
      changes.push(this.#set(outcome.cid, status === 'gone' ? undefined : { ...before, ...rest, status }))
    }
    this.#tell(changes)
    return tooOld
  }

  async requeue(query: RequeueQuery): Promise<Page<CID>> {
    await this.#time.sleep(1)
    const changes: CommittedChange[] = []
    for (const [key, record] of this.records) {
      if ('cid' in query && keyOf(query.cid) !== key) continue
      const { status } = record
      if (status !== 'pin_error' && status !== 'unpin_error' && status !== 'unexpectedly_unpinned') continue
      const queued = status === 'unpin_error' ? 'unpin_queued' : 'pin_queued'
      changes.push(this.#set(record.cid, { ...record, status: queued, nextTryAt: query.now }))
    }
    this.#tell(changes)
    return { rows: changes.map(({ cid }) => cid) }
  }

  async bindIpfs(ipfsId: string): Promise<boolean> {
    const rebound = this.boundTo !== undefined && this.boundTo !== ipfsId
    this.boundTo = ipfsId
    if (!rebound) return false
    const changes = [...this.records.values()].map((record) => {
      const generation = this.#sequence + 1
      const unproven = { ...record, status: 'pin_queued', owned: false, generation } as const
      return this.#set(record.cid, record.want === 'none' ? undefined : unproven)
    })
    this.#tell(changes)
    return true
  }

  onChange(listener: (changes: CommittedChange[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #set(cid: CID, record: LocalRecord | undefined): CommittedChange {
    if (record === undefined) this.records.delete(keyOf(cid))
    else this.records.set(keyOf(cid), record)
    const change = { sequence: ++this.#sequence, cid, kind: 'local' } as const
    const kind = (['pin', 'unpin'] as const).find((each) => record && waiting[each].includes(record.status))
    return record && kind ? { ...change, waits: { kind, priority: record.priority } } : change
  }

  #tell(changes: CommittedChange[]): void {
    for (const listener of this.#listeners) listener(changes)
  }
}

/** As tests look things up. */
function keyOf(cid: CID): string {
  return cid.toString()
}
