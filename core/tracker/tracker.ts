/**
 * The tracker's decisions, without I/O: events in, actions out (`events.ts`). The queue lives in the store; the machine
 * holds only what is in work, one try per CID at a time, from the check whether IPFS has it already until the outcome is
 * durable. The life of a try: checking → beginning (the store learns of it) → running → recording → forgotten.
 *
 * What it promises, and `test/laws/tracker.test.ts` checks: never more in flight than set; everything that waits is tried
 * in the end; nothing that this peer did not pin is unpinned; the result of an older generation changes nothing; an
 * outage of the IPFS node costs no item but the first its attempts.
 */
import type { IpfsPinProgress, IpfsPinState } from '../runtime/ipfs.ts'
import type { Random } from '../runtime/ports.ts'
import type { DueWork, LocalRecord, TrackedOutcome } from '../runtime/store.ts'
import { backoffDelay, itemBackoff, nodeBackoff } from './backoff.ts'
import {
  type Failure,
  keyOf,
  type TrackerAction,
  type TrackerEvent,
  type TryEvent,
  type Wake,
  type WorkKey,
  type WorkKind,
} from './events.ts'
import { begun, failed, gone, pinned, queued, refused } from './outcomes.ts'
import { classify, fairTurn, firstTryClasses, priorityClasses } from './priority.ts'
import { heldFactor, longestWait, retryShare, type TrackerSettings } from './settings.ts'
import { callOf, countWork, type Held, nameOf, newWork, type Work } from './work.ts'

/** Why nothing new is begun: the IPFS node does not answer. */
export interface Outage {
  /** ms since the epoch. */
  since: number
  /** The call that failed first, and the probes that failed since. */
  failures: number
  error: string
}

const kinds: readonly WorkKind[] = ['pin', 'unpin']

export class TrackerMachine {
  readonly #settings: TrackerSettings
  readonly #random: Random
  readonly #held = new Map<WorkKey, Held>()
  /** Work begun so far of each kind: every eighth is the longest due. */
  readonly #turns: Record<WorkKind, number> = { pin: 0, unpin: 0 }
  readonly #looking: Record<WorkKind, boolean> = { pin: false, unpin: false }
  #outage: Outage | undefined
  #probing = false
  #life: 'new' | 'starting' | 'running' | 'stopping' = 'new'
  #now = 0
  #actions: TrackerAction[] = []

  constructor(settings: TrackerSettings, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  get outage(): Outage | undefined {
    return this.#outage
  }

  /** True once it was stopped and everything in work has ended. */
  get stopped(): boolean {
    return this.#life === 'stopping' && this.#held.size === 0
  }

  work(key: WorkKey): Work | undefined {
    return this.#held.get(key)
  }

  /** Takes one event in; `now` is in ms since the epoch. */
  handle(event: TrackerEvent, now: number): TrackerAction[] {
    this.#now = now
    this.#actions = []
    this.#dispatch(event)
    return this.#actions
  }

  #dispatch(event: TrackerEvent): void {
    switch (event.type) {
      case 'start':
        this.#start()
        break
      case 'workAvailable':
        this.#lookForAll()
        break
      case 'due':
        this.#due(event)
        break
      case 'retargeted':
        this.#retargeted(event.key, event.record)
        break
      case 'ready':
        this.#ready(event.rebound)
        break
      case 'unready':
        this.#unready(event.message)
        break
      case 'tick':
        if (event.wake === 'probe') this.#probe()
        else this.#look(event.wake)
        break
      case 'stop':
        this.#stop()
        break
      default: {
        // Only the try that is named counts, not an older one of the same CID.
        const work = this.#held.get(event.key)
        if (work?.record.generation === event.generation) this.#dispatchTry(work, event)
      }
    }
  }

  #dispatchTry(work: Held, event: TryEvent): void {
    switch (event.type) {
      case 'checked':
        if (work.phase === 'cancelling') this.#release(work)
        else if (work.phase === 'checking') this.#checked(work, event.state)
        break
      case 'recorded':
        if (work.phase === 'recording') this.#release(work)
        else if (work.phase === 'beginning') this.#begun(work, event.record)
        break
      case 'progress':
        work.progress = event.progress
        break
      case 'finished':
        if (work.phase === 'cancelling' && this.#life === 'running') this.#release(work)
        else if (work.phase === 'cancelling' || work.phase === 'running') this.#finished(work, event.progress)
        break
      case 'failed':
        if (work.phase === 'cancelling') this.#cancelled(work)
        else if (work.phase === 'checking' || work.phase === 'running') this.#failed(work, event.failure)
        break
    }
  }

  #start(): void {
    this.#life = 'starting'
    this.#probe()
  }

  #stop(): void {
    this.#life = 'stopping'
    for (const work of this.#held.values()) this.#cancel(work)
  }

  #lookForAll(): void {
    for (const kind of kinds) this.#look(kind)
  }

  /** Asks for work of a kind if there is room for it. */
  #look(kind: WorkKind): void {
    if (this.#life !== 'running' || this.#outage !== undefined || this.#looking[kind]) return
    const count = this.#room(kind)
    if (count === 0) return
    this.#looking[kind] = true
    const fair = this.#turns[kind] % fairTurn === fairTurn - 1
    this.#emit({
      type: 'look',
      query: {
        kind,
        // What is held may still wait in the store, and is passed over.
        limit: Math.min(1000, count + this.#held.size),
        now: this.#now,
        order: fair ? 'longest-due' : 'priority',
        classes: this.#mayRetry(kind) ? priorityClasses : firstTryClasses,
      },
    })
  }

  #due({ kind, work, nextDue }: { kind: WorkKind; work: DueWork[]; nextDue: number | undefined }): void {
    this.#looking[kind] = false
    if (this.#life !== 'running' || this.#outage !== undefined) return
    let taken = 0
    // Up to the next fair turn, which asks for another order.
    const most = Math.min(this.#room(kind), turnsLeft(this.#turns[kind]))
    for (const due of work) {
      if (taken === most) break
      const key = keyOf(due.record.cid)
      if (this.#held.has(key) || (due.record.attempts > 0 && !this.#mayRetry(kind))) continue
      taken++
      this.#turns[kind]++
      this.#take(key, kind, due)
    }
    if (taken > 0) this.#look(kind)
    else if (nextDue !== undefined && nextDue > this.#now) this.#wake(kind, nextDue - this.#now)
  }

  #take(key: WorkKey, kind: WorkKind, { record, pin }: DueWork): void {
    const { cid } = record
    const work = newWork(key, kind, record, pin, this.#now)
    this.#held.set(key, work)
    if (kind === 'unpin' && this.#settings.unpinDisabled) this.#record(work, refused(record, this.#now))
    else if (kind === 'unpin' || (record.owned && record.want === 'recursive')) this.#begin(work)
    else this.#emit({ type: 'check', cid, ...nameOf(work) })
  }

  #checked(work: Held, state: IpfsPinState): void {
    const { record } = work
    work.unpinFirst = record.owned && record.want === 'direct' && state === 'recursive'
    // A recursive pin that somebody else made holds a direct one's block too, and IPFS takes no direct pin beside it.
    const found = state === record.want || (state === 'recursive' && !work.unpinFirst)
    if (!found) this.#begin(work)
    else this.#record(work, pinned(record, record.owned || this.#settings.adoptExistingPins, this.#now))
  }

  #begin(work: Held): void {
    work.phase = 'beginning'
    work.since = this.#now
    this.#emit({ type: 'record', outcome: begun(work.record, work.kind, this.#now), ...nameOf(work) })
  }

  /** `record` is what the store holds now: nothing is begun on a record that changed meanwhile or is not ours. */
  #begun(work: Held, record: LocalRecord | undefined): void {
    if (record?.generation !== work.record.generation || !record.owned) {
      this.#release(work)
      return
    }
    work.begun = true
    if (this.#life === 'stopping') {
      this.#putBack(work)
      return
    }
    work.phase = 'running'
    this.#emit({ type: 'run', call: callOf(work), cid: work.cid, ...nameOf(work) })
  }

  #finished(work: Held, progress: IpfsPinProgress | undefined): void {
    const { record, kind } = work
    if (kind === 'unpin') this.#record(work, gone(record, this.#now))
    else this.#record(work, pinned(record, true, this.#now, progress?.bytes))
  }

  #failed(work: Held, failure: Failure): void {
    const lost = failure.reason === 'unreachable'
    // All in flight fail together in an outage. Only the first is blamed: if it is what brings the node down, its
    // back-off lets the others through.
    const blamed = !lost || this.#outage === undefined
    if (lost && blamed) this.#lose(failure.message)
    if (failure.reason === 'stalled') this.#probe()
    if (blamed) this.#blame(work, failure.message)
    else this.#putBack(work, failure.message)
  }

  #blame(work: Held, error: string): void {
    const { record, kind, pin, key } = work
    const attempts = record.attempts + 1
    const outcome = failed(record, {
      status: kind === 'pin' ? 'pin_error' : 'unpin_error',
      attempts,
      error,
      now: this.#now,
      delay: backoffDelay(itemBackoff, attempts, this.#random),
      priority: classify(
        { kind, timestamp: pin?.timestamp, attempts, now: this.#now },
        this.#settings.priority,
      ),
      owned: record.owned || work.begun,
    })
    this.#log('info', `${kind} failed and will be tried again`, { cid: key, attempts, error: outcome.error })
    this.#record(work, outcome)
  }

  /** Back into the queue as if it had not been tried. The store drops it if the pin has changed since. */
  #putBack(work: Held, error = work.record.error): void {
    if (work.begun) this.#record(work, queued(work.record, work.kind, this.#now, error))
    else this.#release(work)
  }

  #retargeted(key: WorkKey, record: LocalRecord | undefined): void {
    const work = this.#held.get(key)
    if (work !== undefined && work.record.generation !== record?.generation) this.#cancel(work)
    this.#lookForAll()
  }

  /** What is being recorded ends by itself, and the store drops it if it is too old. */
  #cancel(work: Held): void {
    if (work.phase !== 'checking' && work.phase !== 'running') return
    work.phase = 'cancelling'
    this.#emit({ type: 'cancel', key: work.key })
  }

  /** A try that was stopped by this peer's own stop is to be tried again; any other was overtaken by its pin. */
  #cancelled(work: Held): void {
    if (this.#life === 'stopping') this.#putBack(work)
    else this.#release(work)
  }

  #record(work: Held, outcome: TrackedOutcome): void {
    work.phase = 'recording'
    this.#emit({ type: 'record', outcome, ...nameOf(work) })
    // The slot is free while the outcome becomes durable.
    this.#look(work.kind)
  }

  #release(work: Held): void {
    this.#held.delete(work.key)
    this.#lookForAll()
  }

  #lose(error: string): void {
    const { since = this.#now, failures = 0 } = this.#outage ?? {}
    if (failures === 0)
      this.#log('warn', 'the IPFS node does not answer; pins and unpins wait for it', { error })
    this.#outage = { since, failures: failures + 1, error }
    this.#wake('probe', backoffDelay(nodeBackoff, failures + 1, this.#random))
  }

  #probe(): void {
    if (this.#probing || this.#life === 'stopping') return
    this.#probing = true
    this.#emit({ type: 'probe' })
  }

  #ready(rebound: boolean): void {
    this.#probing = false
    if (this.#life === 'starting') this.#life = 'running'
    if (this.#outage !== undefined) {
      this.#log('info', 'the IPFS node answers again', { seconds: (this.#now - this.#outage.since) / 1000 })
      this.#outage = undefined
    }
    if (rebound) for (const work of this.#held.values()) this.#cancel(work)
    this.#lookForAll()
  }

  #unready(error: string): void {
    this.#probing = false
    this.#lose(error)
  }

  /** How many more of a kind may be taken. */
  #room(kind: WorkKind): number {
    const limit = this.#limit(kind)
    const { inFlight, held } = countWork(this.#held.values(), kind)
    return Math.max(0, Math.min(limit - inFlight, heldFactor * limit - held))
  }

  /** Some slots are kept for what has never failed, so that content nobody has cannot hold up the rest. */
  #mayRetry(kind: WorkKind): boolean {
    const { retries } = countWork(this.#held.values(), kind)
    return retries < Math.max(1, Math.floor(this.#limit(kind) * retryShare))
  }

  #limit(kind: WorkKind): number {
    return kind === 'pin' ? this.#settings.concurrentPins : this.#settings.concurrentUnpins
  }

  #wake(wake: Wake, delay: number): void {
    this.#emit({ type: 'wake', wake, delay: Math.min(delay, longestWait) })
  }

  #log(level: 'info' | 'warn', message: string, fields: Record<string, string | number>): void {
    this.#emit({ type: 'log', level, message, fields })
  }

  #emit(action: TrackerAction): void {
    this.#actions.push(action)
  }
}

/** Starts of the order that the next one has: one at a fair turn, else those before it. */
function turnsLeft(turns: number): number {
  const turn = turns % fairTurn
  return turn === fairTurn - 1 ? 1 : fairTurn - 1 - turn
}
