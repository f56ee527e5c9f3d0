/**
 * The tracker's decisions, without I/O: events in, actions out (`events.ts`). The queue lives in the store; the machine
 * holds what is in work and reads a little ahead (`lanes.ts`). There is one try per CID at a time, from the check whether
 * IPFS has it already until the outcome is durable: checking → beginning (the store learns of it) → running → recording
 * → forgotten.
 *
 * What it promises, and `test/laws/tracker.test.ts` checks: never more in flight than set; everything that waits is tried
 * in the end; nothing that this peer did not pin is unpinned; the result of an older generation changes nothing; an
 * outage of the IPFS node costs no item but the first its attempts.
 */
import type { IpfsPinProgress, IpfsPinState } from '../runtime/ipfs.ts'
import type { Random } from '../runtime/ports.ts'
import type { LocalRecord, TrackedOutcome, WaitingQuery, WaitingWork } from '../runtime/store.ts'
import { backoffDelay, itemBackoff, nodeBackoff } from './backoff.ts'
import type {
  Failure,
  Outage,
  QueueChange,
  TrackerAction,
  TrackerEvent,
  TryEvent,
  Wake,
  WorkKey,
  WorkKind,
} from './events.ts'
import { Lanes } from './lanes.ts'
import { begun, failed, gone, type NextTry, pinned, queued, refused, yielded } from './outcomes.ts'
import { classify, fairTurn } from './priority.ts'
import { heldFactor, longestWait, quickCall, readRetryDelay, type TrackerSettings } from './settings.ts'
import { Silence } from './silence.ts'
import { countWork, mayRetry, roomFor, type WorkCount } from './slots.ts'
import { callOf, type Held, nameOf, newWork, type Work } from './work.ts'
import { leaving, untilIdle } from './yielding.ts'

const kinds: readonly WorkKind[] = ['pin', 'unpin']

export class TrackerMachine {
  readonly #settings: TrackerSettings
  readonly #random: Random
  readonly #held = new Map<WorkKey, Held>()
  readonly #lanes: Record<WorkKind, Lanes> = { pin: new Lanes(), unpin: new Lanes() }
  /** Work begun so far of each kind: every eighth is the longest due. */
  readonly #turns: Record<WorkKind, number> = { pin: 0, unpin: 0 }
  /** Its slots are being filled: the store was asked, or work is being taken. */
  readonly #filling: Record<WorkKind, boolean> = { pin: false, unpin: false }
  #outage: Outage | undefined
  /** The last call of each kind took so little time that it pays to make the next ready meanwhile. */
  readonly #isQuick: Record<WorkKind, boolean> = { pin: false, unpin: false }
  #probing = false
  #isWatchingIdle = false
  readonly #silence = new Silence()
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
      case 'changed':
        this.#changed(event.changes)
        break
      case 'found':
        this.#found(event.query, event.work)
        break
      case 'unreadable':
        this.#wake(event.kind, readRetryDelay)
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
        else if (event.wake === 'silence') this.#listenOn()
        else if (event.wake === 'idle') this.#lookForIdle()
        else {
          this.#filling[event.wake] = false
          this.#fill(event.wake)
        }
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
    if (event.type !== 'begun' && event.type !== 'recorded') this.#silence.heard(this.#now)
    switch (event.type) {
      case 'checked':
        if (work.phase === 'cancelling') this.#release(work)
        else if (work.phase === 'checking') this.#checked(work, event.state)
        break
      case 'begun':
        if (work.phase === 'beginning') this.#begun(work, event.counts)
        break
      case 'recorded':
        if (work.phase === 'recording') this.#release(work)
        break
      case 'progress':
        work.progress = event.progress
        work.progressedAt = this.#now
        break
      case 'finished':
        if (work.phase === 'cancelling' && this.#life === 'running' && !work.isYielding) this.#release(work)
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

  #fillAll(): void {
    for (const kind of kinds) this.#fill(kind)
  }

  /** Takes work of a kind while there is room for it. */
  #fill(kind: WorkKind): void {
    if (this.#life !== 'running' || this.#outage !== undefined || this.#filling[kind]) return
    this.#filling[kind] = true
    for (;;) {
      const count = this.#count(kind)
      const limit = this.#limit(kind)
      if (roomFor(count, limit, this.#isQuick[kind]) <= 0) break
      const isFair = this.#turns[kind] % fairTurn === fairTurn - 1
      const next = this.#lanes[kind].next({ now: this.#now, isFair, mayRetry: mayRetry(count, limit) })
      if ('read' in next) {
        this.#look(kind, next.read)
        return
      }
      if ('wait' in next) {
        if (next.wait !== undefined) this.#wake(kind, next.wait - this.#now)
        break
      }
      this.#turns[kind]++
      this.#take(next.key, kind, next.work)
    }
    this.#filling[kind] = false
  }

  #look(kind: WorkKind, priority: number): void {
    // What is held may still wait in the store, and is passed over.
    const limit = Math.min(1000, heldFactor * this.#limit(kind) + this.#held.size)
    this.#emit({ type: 'look', query: { kind, priority, limit } })
  }

  #found({ kind, priority, limit }: WaitingQuery, work: WaitingWork[]): void {
    this.#filling[kind] = false
    if (this.#lanes[kind].fill(priority, work, limit, (key) => this.#held.has(key))) this.#fill(kind)
  }

  #changed(changes: QueueChange[]): void {
    for (const { key, waits } of changes) {
      this.#drop(key)
      if (waits !== undefined) this.#lanes[waits.kind].news(waits.priority)
    }
    this.#fillAll()
  }

  #drop(key: WorkKey): void {
    for (const kind of kinds) this.#lanes[kind].drop(key)
  }

  #take(key: WorkKey, kind: WorkKind, { record, pin }: WaitingWork): void {
    const { cid } = record
    const work = newWork(key, kind, record, pin, this.#now)
    this.#held.set(key, work)
    const look = this.#silence.begin(this.#now)
    if (look !== undefined) this.#wake('silence', look)
    // Its record may have changed between two reads, and be in another lane too.
    this.#drop(key)
    if (kind === 'unpin' && this.#settings.unpinDisabled) this.#record(work, refused(record, this.#now))
    else if (kind === 'unpin' || (record.owned && record.want === 'recursive')) this.#begin(work)
    else this.#emit({ type: 'check', cid, recursiveOnly: record.want === 'recursive', ...nameOf(work) })
  }

  #checked(work: Held, state: IpfsPinState): void {
    const { record } = work
    work.unpinFirst = record.owned && record.want === 'direct' && state === 'recursive'
    // A recursive pin that somebody else made holds a direct one's block too, and IPFS takes no direct pin beside it.
    const found = state === record.want || (state === 'recursive' && !work.unpinFirst)
    work.isUnpinned = state === 'unpinned'
    if (!found) this.#begin(work)
    else this.#record(work, pinned(record, record.owned || this.#settings.adoptExistingPins, this.#now))
  }

  #begin(work: Held): void {
    work.phase = 'beginning'
    this.#emit({ type: 'record', outcome: begun(work.record, work.kind, this.#now), ...nameOf(work) })
  }

  /** Nothing is begun on a record that changed meanwhile. */
  #begun(work: Held, counts: boolean): void {
    if (!counts || work.isOvertaken) {
      this.#release(work)
      return
    }
    work.begun = true
    if (this.#life === 'stopping') {
      this.#putBack(work)
      return
    }
    work.phase = 'ready'
    this.#runReady(work.kind)
    this.#fill(work.kind)
  }

  /** What is ready goes, in the order in which it was taken, while there are slots. */
  #runReady(kind: WorkKind): void {
    if (this.#life !== 'running' || this.#outage !== undefined) return
    let slots = this.#limit(kind) - this.#count(kind).running
    for (const work of this.#held.values()) {
      if (slots <= 0) break
      if (work.kind !== kind || work.phase !== 'ready') continue
      slots--
      work.phase = 'running'
      work.since = this.#now
      work.progressedAt = this.#now
      this.#emit({ type: 'run', call: callOf(work), cid: work.cid, ...nameOf(work) })
    }
    if (kind === 'pin' && !this.#probing) this.#makeWay()
  }

  /** First tries that are ready get the slots of those that bring nothing. */
  #makeWay(): void {
    for (const work of leaving(this.#held.values(), this.#limit('pin'), this.#now)) {
      work.isYielding = true
      this.#cancel(work)
    }
    const next = untilIdle(this.#held.values(), this.#now)
    if (next === undefined || this.#isWatchingIdle) return
    this.#isWatchingIdle = true
    this.#wake('idle', next)
  }

  #lookForIdle(): void {
    this.#isWatchingIdle = false
    this.#runReady('pin')
    this.#fill('pin')
  }

  #finished(work: Held, progress: IpfsPinProgress | undefined): void {
    const { record, kind } = work
    this.#isQuick[kind] = this.#now - work.since < quickCall
    if (kind === 'unpin') this.#record(work, gone(record, this.#now))
    else this.#record(work, pinned(record, true, this.#now, progress?.bytes))
  }

  #failed(work: Held, failure: Failure): void {
    this.#isQuick[work.kind] = this.#now - work.since < quickCall
    const lost = failure.reason === 'unreachable'
    // All in flight fail together in an outage. Only the one that tells of it is blamed: if it is what brings the node
    // down, its back-off lets the others through.
    const blamed = this.#outage === undefined || !(lost || failure.reason === 'stalled')
    if (lost && blamed) this.#lose(failure.message)
    if (failure.reason === 'stalled') this.#probe()
    if (blamed) this.#blame(work, failure.message)
    else this.#putBack(work, failure.message)
  }

  #blame(work: Held, error: string): void {
    const { record, kind, cid } = work
    const next = this.#nextTry(work)
    const status = kind === 'pin' ? 'pin_error' : 'unpin_error'
    const outcome = failed(record, { ...next, status, error, owned: record.owned || work.begun })
    this.#log('info', `${kind} failed and will be tried again`, {
      cid: cid.toString(),
      attempts: next.attempts,
      error: outcome.error,
    })
    this.#record(work, outcome)
  }

  #nextTry({ record, kind, pin }: Held): NextTry {
    const now = this.#now
    const attempts = record.attempts + 1
    const standing = { kind, timestamp: pin?.timestamp, attempts, now }
    const priority = classify(standing, this.#settings.priority)
    return { attempts, priority, now, delay: backoffDelay(itemBackoff, attempts, this.#random) }
  }

  /** Back into the queue as if it had not been tried. The store drops it if the pin has changed since. */
  #putBack(work: Held, error = work.record.error): void {
    if (work.begun) this.#record(work, queued(work.record, work.kind, this.#now, error))
    else this.#release(work)
  }

  #retargeted(key: WorkKey, record: LocalRecord | undefined): void {
    const work = this.#held.get(key)
    if (work === undefined || work.record.generation === record?.generation) return
    this.#overtake(work)
  }

  #overtake(work: Held): void {
    work.isOvertaken = true
    this.#cancel(work)
  }

  /** What is being recorded ends by itself, and the store drops it if it is too old. */
  #cancel(work: Held): void {
    if (work.phase === 'ready') this.#cancelled(work)
    if (work.phase !== 'checking' && work.phase !== 'running') return
    work.phase = 'cancelling'
    this.#emit({ type: 'cancel', key: work.key })
  }

  /** A try that was stopped by this peer's own stop is to be tried again; any other was overtaken by its pin. */
  #cancelled(work: Held): void {
    if (this.#life === 'stopping') this.#putBack(work)
    else if (work.isYielding && !work.isOvertaken)
      this.#record(work, yielded(work.record, this.#nextTry(work)))
    else this.#release(work)
  }

  #record(work: Held, outcome: TrackedOutcome): void {
    work.phase = 'recording'
    work.outcome = outcome
    this.#emit({ type: 'record', outcome, ...nameOf(work) })
    // The slot is free while the outcome becomes durable.
    this.#runReady(work.kind)
    this.#fill(work.kind)
  }

  #release({ key, kind, outcome, isOvertaken }: Held): void {
    this.#held.delete(key)
    const isSettled = outcome?.status === 'pinned' || outcome?.status === 'gone'
    // What waits on may have been passed over when the store was read.
    if (isOvertaken || outcome === undefined) for (const each of kinds) this.#lanes[each].news()
    else if (!isSettled) this.#lanes[kind].news(outcome.priority)
    this.#runReady(kind)
    this.#fillAll()
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

  #listenOn(): void {
    if (this.#held.size === 0 || this.#life !== 'running') {
      this.#silence.end()
      return
    }
    const { isLong, next } = this.#silence.look(this.#now)
    if (isLong && this.#outage === undefined) this.#probe()
    this.#wake('silence', next)
  }

  #ready(rebound: boolean): void {
    this.#probing = false
    if (this.#life === 'starting') this.#life = 'running'
    if (this.#outage !== undefined) {
      this.#log('info', 'the IPFS node answers again', { seconds: (this.#now - this.#outage.since) / 1000 })
      this.#outage = undefined
    }
    // A copy: what is let go of makes room for what must not be let go of.
    if (rebound) for (const work of [...this.#held.values()]) this.#overtake(work)
    for (const kind of kinds) this.#runReady(kind)
    this.#fillAll()
  }

  #unready(error: string): void {
    this.#probing = false
    this.#lose(error)
  }

  #count(kind: WorkKind): WorkCount {
    return countWork(this.#held.values(), kind, this.#now)
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
