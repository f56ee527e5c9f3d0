/**
 * Runs the tracker's machine against the world: asks the store for work, calls IPFS, makes outcomes durable, keeps the
 * timers. It waits for the IPFS node by itself, and tells the store whose pins the records are about before it acts on
 * any of them.
 */
import type { CID } from 'multiformats/cid'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs, IpfsFailure, IpfsPinProgress } from '../runtime/ipfs.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type {
  CommittedChange,
  Cursor,
  LocalRecord,
  Store,
  TrackedOutcome,
  WaitingQuery,
} from '../runtime/store.ts'
import {
  type Failure,
  type IpfsCall,
  keyOf,
  type Outage,
  type QueueChange,
  type TrackerAction,
  type TrackerEvent,
  type TryName,
  type Wake,
  type WorkKey,
} from './events.ts'
import { OutcomeLog } from './outcome-log.ts'
import type { TrackerSettings } from './settings.ts'
import { TrackerMachine } from './tracker.ts'

/** Records looked at a time when many are gone through. */
const pageSize = 1000

/** Milliseconds in which the IPFS node is to say who it is. */
const probeTimeout = 5_000

/** A pin or unpin that runs on IPFS now. */
export interface InFlight {
  status: 'pinning' | 'unpinning'
  /** Of the record that it is about; another generation's status is not this one. */
  generation: number
  /** This try counts. */
  attempts: number
  /** ms since the epoch. */
  since: number
  progress?: IpfsPinProgress
}

/** What the tracker needs of the store. */
export type TrackerStore = Pick<Store, 'waiting' | 'local' | 'record' | 'requeue' | 'bindIpfs' | 'onChange'>

/** What the tracker needs of the IPFS node. */
export type TrackerIpfs = Pick<Ipfs, 'id' | 'pinState' | 'pin' | 'unpin'>

export interface TrackerInit {
  store: TrackerStore
  ipfs: TrackerIpfs
  runtime: Runtime
  settings: TrackerSettings
}

export interface Tracker extends AsyncDisposable {
  /** Work begins as soon as the IPFS node answers. */
  start(): void
  inFlight(cid: CID): InFlight | undefined
  /** Why nothing is begun at the moment; undefined while the IPFS node answers. */
  readonly outage: Outage | undefined
  /** Queues the CID at once if it failed or is unexpectedly unpinned. Returns whether it did. */
  recover(cid: CID): Promise<boolean>
  /** The same for all; gives those that it queued. */
  recoverAll(): AsyncGenerator<CID, void, undefined>
}

export function createTracker(init: TrackerInit): Tracker {
  return new TrackerDriver(init)
}

class TrackerDriver implements Tracker {
  readonly #store: TrackerStore
  readonly #ipfs: TrackerIpfs
  readonly #runtime: Runtime
  readonly #settings: TrackerSettings
  readonly #logger: Logger
  readonly #machine: TrackerMachine
  readonly #outcomes: OutcomeLog
  readonly #calls = new Map<WorkKey, AbortController>()
  readonly #timers = new Map<Wake, Timer>()
  /** Ends calls that belong to no CID: the probe. */
  readonly #closing = new AbortController()
  readonly #stopped = Promise.withResolvers<void>()
  readonly #events: TrackerEvent[] = []
  /** Changes that were told and not yet looked at. */
  #heard: CommittedChange[] = []
  #hearing: Timer | undefined
  #handling = false
  #unsubscribe: (() => void) | undefined
  #probe: Promise<void> | undefined

  constructor({ store, ipfs, runtime, settings }: TrackerInit) {
    this.#store = store
    this.#ipfs = ipfs
    this.#runtime = runtime
    this.#settings = settings
    this.#logger = runtime.logger.component('pintracker')
    this.#machine = new TrackerMachine(settings, runtime.random)
    this.#outcomes = new OutcomeLog({ store, runtime, logger: this.#logger })
  }

  start(): void {
    this.#unsubscribe = this.#store.onChange((changes) => this.#hear(changes))
    this.#post({ type: 'start' })
  }

  inFlight(cid: CID): InFlight | undefined {
    const work = this.#machine.work(keyOf(cid))
    if (work?.phase !== 'running') return undefined
    const { kind, record, since, progress } = work
    return {
      status: kind === 'pin' ? 'pinning' : 'unpinning',
      generation: record.generation,
      attempts: record.attempts + 1,
      since,
      ...(progress === undefined ? {} : { progress }),
    }
  }

  get outage(): Outage | undefined {
    return this.#machine.outage
  }

  async recover(cid: CID): Promise<boolean> {
    const { rows } = await this.#store.requeue({ cid, now: this.#runtime.clock.now() })
    return rows.length > 0
  }

  async *recoverAll(): AsyncGenerator<CID, void, undefined> {
    let after: Cursor | undefined
    do {
      const now = this.#runtime.clock.now()
      const page = await this.#store.requeue({
        now,
        limit: pageSize,
        ...(after === undefined ? {} : { after }),
      })
      yield* page.rows
      after = page.next
    } while (after !== undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe?.()
    this.#hearing?.cancel()
    this.#closing.abort(new Error('the tracker is stopping'))
    this.#outcomes.close()
    this.#post({ type: 'stop' })
    await this.#stopped.promise
    await this.#probe
    for (const timer of this.#timers.values()) timer.cancel()
  }

  /** The answers to the writes go out first, and changes of one moment are looked at together. */
  #hear(changes: CommittedChange[]): void {
    for (const change of changes) this.#heard.push(change)
    this.#hearing ??= this.#runtime.scheduler.after(0, () => {
      const heard = this.#heard
      this.#heard = []
      this.#hearing = undefined
      this.#changed(heard)
    })
  }

  #changed(changes: CommittedChange[]): void {
    const others: QueueChange[] = []
    for (const { cid, kind, waits } of changes) {
      const key = keyOf(cid)
      if (this.#machine.work(key) === undefined) others.push({ key, waits })
      else if (kind === 'pinset') this.#post({ type: 'retargeted', key, record: this.#local(cid) })
    }
    if (others.length > 0) this.#post({ type: 'changed', changes: others })
  }

  /** Events that come up while one is handled wait for their turn, so that the machine is never entered twice. */
  #post(event: TrackerEvent): void {
    this.#events.push(event)
    if (this.#handling) return
    this.#handling = true
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const action of this.#machine.handle(next, this.#runtime.clock.now())) this.#perform(action)
      }
    } finally {
      this.#handling = false
    }
    if (this.#machine.stopped) this.#stopped.resolve()
  }

  #perform(action: TrackerAction): void {
    switch (action.type) {
      case 'look':
        this.#post(this.#look(action.query))
        break
      case 'check':
        void this.#check(action.cid, action.recursiveOnly, nameOf(action))
        break
      case 'record':
        void this.#record(action.outcome, nameOf(action))
        break
      case 'run':
        void this.#run(action.cid, action.call, nameOf(action))
        break
      case 'cancel':
        this.#calls.get(action.key)?.abort(new Error('its pin has changed, or the peer is stopping'))
        break
      case 'probe':
        this.#probe = this.#askWho()
        break
      case 'wake':
        this.#wake(action.wake, action.delay)
        break
      case 'log':
        this.#logger[action.level](action.message, action.fields)
        break
    }
  }

  #look(query: WaitingQuery): TrackerEvent {
    try {
      return { type: 'found', query, work: this.#store.waiting(query) }
    } catch (error) {
      this.#logger.error('the queue cannot be read', { error: String(error) })
      return { type: 'unreadable', kind: query.kind }
    }
  }

  async #check(cid: CID, recursiveOnly: boolean, name: TryName): Promise<void> {
    await this.#call(name, async (signal) => {
      const state = await this.#ipfs.pinState(cid, { recursiveOnly, signal })
      return { type: 'checked', state, ...name }
    })
  }

  async #run(cid: CID, call: IpfsCall, name: TryName): Promise<void> {
    await this.#call(name, async (signal) => {
      if (call.kind === 'unpin') {
        await this.#ipfs.unpin(cid, { signal })
        return { type: 'finished', ...name }
      }
      const { mode, pin, unpinFirst, isUnpinned } = call
      if (unpinFirst) await this.#ipfs.unpin(cid, { signal })
      const progress = await this.#ipfs.pin(cid, {
        mode,
        isUnpinned,
        origins: pin?.origins ?? [],
        ...(pin?.pinUpdate === undefined ? {} : { updateFrom: pin.pinUpdate }),
        stallTimeout: this.#settings.stallTimeout,
        signal,
        onProgress: (progress) => this.#post({ type: 'progress', progress, ...name }),
      })
      return { type: 'finished', progress, ...name }
    })
  }

  /** Calls IPFS for one try; whatever comes of it becomes an event. */
  async #call(name: TryName, call: (signal: AbortSignal) => Promise<TrackerEvent>): Promise<void> {
    const controller = new AbortController()
    this.#calls.set(name.key, controller)
    let event: TrackerEvent
    try {
      event = await call(controller.signal)
    } catch (error) {
      event = { type: 'failed', failure: failureOf(error), ...name }
    }
    this.#calls.delete(name.key)
    this.#post(event)
  }

  async #record(outcome: TrackedOutcome, name: TryName): Promise<void> {
    const counts = await this.#outcomes.add(outcome)
    const isBeginning = outcome.status === 'pinning' || outcome.status === 'unpinning'
    this.#post(isBeginning ? { type: 'begun', counts, ...name } : { type: 'recorded', ...name })
  }

  /** Nothing is begun on a record that cannot be read. */
  #local(cid: CID): LocalRecord | undefined {
    try {
      return this.#store.local(cid)
    } catch (error) {
      this.#logger.error('a record cannot be read', { cid: String(cid), error: String(error) })
      return undefined
    }
  }

  async #askWho(): Promise<void> {
    const { signal: closing } = this.#closing
    using deadline = new Deadline(this.#runtime.scheduler, probeTimeout, { signal: closing })
    try {
      const { id, repository } = await this.#ipfs.id({ signal: deadline.signal })
      const name = repository === undefined ? id : `${id}/${repository}`
      this.#post({ type: 'ready', rebound: await this.#store.bindIpfs(name) })
    } catch (error) {
      const { message } = failureOf(deadline.signal.aborted ? deadline.signal.reason : error)
      if (!closing.aborted) this.#post({ type: 'unready', message })
    }
  }

  #wake(wake: Wake, delay: number): void {
    this.#timers.get(wake)?.cancel()
    this.#timers.set(
      wake,
      this.#runtime.scheduler.after(delay, () => this.#post({ type: 'tick', wake })),
    )
  }
}

function nameOf({ key, generation }: TryName): TryName {
  return { key, generation }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { reason: 'failed', message: String(error) }
  return { reason: (error as Partial<IpfsFailure>).reason ?? 'failed', message: error.message }
}
