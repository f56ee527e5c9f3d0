/**
 * Finds what is recorded as pinned and is not pinned on the IPFS node any more: somebody unpinned it there. At intervals
 * the node's list of pins is read as a stream, once and in whatever order it comes. When it has ended well, each record
 * that was not on it is asked about by itself, and only then recorded as lost, which the tracker makes good. A list that
 * breaks off says nothing, and status never reads one (`spec/behaviour.md` §11 nos. 13, 19, 32).
 */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import type { Ipfs, IpfsFailure, IpfsPinState } from '../runtime/ipfs.ts'
import { pause } from '../runtime/pause.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { Cursor, LocalRecord, Store, TrackedOutcome } from '../runtime/store.ts'
import { lost } from './outcomes.ts'
import { classify, type PrioritySettings } from './priority.ts'

export interface ReconciliationSettings {
  /** Milliseconds from one look to the next (`pin_recover_interval`); 0 or less: there is none. */
  interval: number
  priority: PrioritySettings
}

export interface ReconciliationInit {
  store: Pick<Store, 'census' | 'local' | 'pin' | 'record'>
  ipfs: Pick<Ipfs, 'pins' | 'pinState'>
  /** True while the IPFS node is known not to answer: it is left alone. */
  isAway(): boolean
  runtime: Runtime
  settings: ReconciliationSettings
}

/** What one look found. */
export interface Findings {
  /** Pins that the node listed. */
  listed: number
  /** Records that were not among them, and were asked about. */
  asked: number
  /** Records that were found lost. */
  lost: number
}

/** Pins of the list that are taken in at a time; whatever else the peer does comes between. */
const rowsAtOnce = 500

/** Records of which it is seen at a time whether they were listed. */
const pageSize = 1000

/** Records that the node is asked about at once. */
const questionsAtOnce = 4

/** After a look, this many times as long passes as it took, or the interval if that is longer. */
const restFactor = 9

/** Part of the interval by which it may be shorter or longer, so that peers that started together drift apart. */
const spread = 0.1

export class Reconciliation implements AsyncDisposable {
  readonly #init: ReconciliationInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  #timer: Timer | undefined
  #running: Promise<void> | undefined

  constructor(init: ReconciliationInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('pintracker')
  }

  /** The first look is an interval from now. */
  start(): void {
    if (this.#init.settings.interval > 0) this.#schedule(0)
  }

  /** Looks now. Rejects, with nothing recorded of what it was about to ask, when the node or the store fails. */
  async look(): Promise<Findings> {
    const { store, ipfs, runtime } = this.#init
    const { signal } = this.#closing
    const began = runtime.clock.now()
    const census = store.census()
    const findings: Findings = { listed: 0, asked: 0, lost: 0 }
    for await (const { cid, state } of ipfs.pins({ signal })) {
      census.saw(cid, state)
      if (++findings.listed % rowsAtOnce === 0) await this.#pause(0)
    }
    let after: Cursor | undefined
    do {
      await this.#pause(0)
      const page = census.unseen({ limit: pageSize, ...(after === undefined ? {} : { after }) })
      const now = runtime.clock.now()
      // What was pinned since then could not be listed. A clock that was set back does not shield a record for ever.
      const suspects = page.rows.filter(({ since }) => since < began || since > now)
      await this.#question(suspects, findings)
      after = page.next
    } while (after !== undefined)
    return findings
  }

  /** The IPFS node says that this pin lacks blocks. It is recorded as lost, unless the node takes that back. */
  async suspect(cid: CID): Promise<void> {
    const { store } = this.#init
    const record = store.local(cid)
    if (record?.status !== 'pinned' || record.want === 'none') return
    try {
      const outcome = await this.#ask(record)
      if (outcome !== undefined) await store.record([outcome])
    } catch (error) {
      if (this.#closing.signal.aborted) return
      // The next look finds it.
      this.#logger.warn('a pin that lacks blocks could not be queued yet', {
        cid: String(cid),
        error: messageOf(error),
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    await this.#running
  }

  #schedule(took: number): void {
    if (this.#closing.signal.aborted) return
    const { runtime, settings } = this.#init
    const interval = settings.interval * (1 + spread * (2 * runtime.random.float() - 1))
    this.#timer = runtime.scheduler.after(Math.max(interval, restFactor * took), () => {
      this.#running = this.#run()
    })
  }

  async #run(): Promise<void> {
    const { clock } = this.#init.runtime
    const began = clock.monotonic()
    if (!this.#init.isAway()) await this.#tryToLook()
    this.#schedule(clock.monotonic() - began)
  }

  async #tryToLook(): Promise<void> {
    try {
      const findings = await this.look()
      const level = findings.lost > 0 ? 'warn' : 'debug'
      this.#logger[level]('what is pinned was compared with the list of the IPFS node', { ...findings })
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#logger.warn(
        'what is pinned could not be compared with the list of the IPFS node; it will be later',
        {
          error: messageOf(error),
        },
      )
    }
  }

  /** Asks about each, a few at a time, and records those that are lost together. Rests as long as it asked. */
  async #question(suspects: LocalRecord[], findings: Findings): Promise<void> {
    if (suspects.length === 0) return
    const { store, runtime } = this.#init
    const began = runtime.clock.monotonic()
    const waiting = suspects.values()
    const found: TrackedOutcome[] = []
    const askOn = async () => {
      for (const suspect of waiting) {
        const outcome = await this.#ask(suspect)
        if (outcome !== undefined) found.push(outcome)
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: questionsAtOnce }, askOn))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    await store.record(found)
    findings.asked += suspects.length
    findings.lost += found.length
    await this.#pause(runtime.clock.monotonic() - began)
  }

  /** The record as it is to be; undefined when it is pinned after all, or is another one by now. */
  async #ask(suspect: LocalRecord): Promise<TrackedOutcome | undefined> {
    const { store, runtime, settings } = this.#init
    const { cid, want } = suspect
    const state = await this.#stateOf(suspect)
    if (state === undefined || state === 'recursive' || state === want) return undefined
    const latest = store.local(cid)
    if (latest?.status !== 'pinned' || latest.generation !== suspect.generation) return undefined
    // Pinned again while the node was asked: its answer may be about the time before.
    if (latest.since !== suspect.since) return undefined
    const now = runtime.clock.now()
    const timestamp = store.pin(cid)?.timestamp
    return lost(latest, {
      state,
      now,
      priority: classify({ kind: 'pin', timestamp, attempts: 0, now }, settings.priority),
    })
  }

  /** Undefined when the node has an error with this CID, which is the matter of a later look. */
  async #stateOf({ cid, want }: LocalRecord): Promise<IpfsPinState | undefined> {
    const { signal } = this.#closing
    try {
      return await this.#init.ipfs.pinState(cid, { recursiveOnly: want === 'recursive', signal })
    } catch (error) {
      if ((error as Partial<IpfsFailure>).reason !== 'failed') throw error
      this.#logger.debug('the IPFS node does not say whether a CID is pinned', {
        cid: String(cid),
        error: (error as Error).message,
      })
      return undefined
    }
  }

  /** Rejects when the peer stops meanwhile. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    await pause(this.#init.runtime.scheduler, ms, signal)
    signal.throwIfAborted()
  }
}
