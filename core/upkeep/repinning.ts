/**
 * Brings pins back to their min when peers are gone, and up to their max when peers come. It counts first, then goes
 * through the pins once for each number of living copies, the fewest first, so that it never holds more than a page.
 * Nothing about its place is kept: a pin that has been given copies needs none when it is looked at again, so that the
 * next look goes on where the last one ended, also after a restart.
 */
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import { allocatedPins } from './allocated-pins.ts'
import { type CopiesView, type Need, needOf } from './copies.ts'
import type { Pace } from './pace.ts'
import type { UpkeepSettings, UpkeepStore } from './ports.ts'
import { emptyTally, type Reallocation, type Tally } from './reallocation.ts'
import type { Responsibility } from './responsibility.ts'
import { Survey } from './survey.ts'

/** The share of the time that looks at all pins may take at most: one in so many. */
const checkShare = 20
/** The same while work of others is waited for. */
const watchShare = 10
/** Milliseconds between two lines about work that takes long. */
const progressInterval = 30_000

export interface RepinningInit {
  self: PeerIdText
  store: Pick<UpkeepStore, 'pins' | 'lastSequence'>
  /** The living members. */
  alive: () => readonly PeerIdText[]
  /** The peers that share the work now. */
  sharers: () => Responsibility
  isGone: (peer: PeerIdText) => boolean
  /** An operator has removed it: gone, and not missed. */
  isRemoved: (peer: PeerIdText) => boolean
  reallocation: Reallocation
  pace: Pace
  settings: Pick<UpkeepSettings, 'takeover' | 'checkInterval'>
  runtime: Runtime
}

/** How many pins a peer is responsible for that need copies, and since when they have not become fewer. */
interface Standstill {
  pins: number
  /** Monotonic ms. */
  since: number
}

export class Repinning {
  readonly #init: RepinningInit
  readonly #logger: Logger
  /** By the peer responsible first. */
  readonly #standstills = new Map<PeerIdText, Standstill>()
  #topUp = false
  #requests = 0
  /** Where the change log was when nothing needed copies; undefined when the next look is due whatever it says. */
  #inOrderAt: number | undefined

  constructor(init: RepinningInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
  }

  /** A peer is gone, or with `topUp` one has come: the next round looks, and everybody's turn begins anew. */
  request({ topUp }: { topUp: boolean }): void {
    this.#requests += 1
    this.#topUp ||= topUp
    this.#inOrderAt = undefined
    this.#standstills.clear()
  }

  /** One round: gives the milliseconds until the next. */
  async round(signal: AbortSignal): Promise<number> {
    const { store, alive, runtime, settings } = this.#init
    const sequence = store.lastSequence()
    if (this.#inOrderAt === sequence) return settings.checkInterval
    const [requests, topUp] = [this.#requests, this.#topUp]
    const began = runtime.clock.monotonic()
    const survey = await this.#survey(topUp, signal)
    const took = runtime.clock.monotonic() - began
    const later = Math.max(settings.checkInterval, took * checkShare)
    this.#noteStandstills(survey, began)
    if (survey.missed.size > alive().length) {
      this.#sayCutOff(survey)
      return later
    }
    const tally = await this.#work(survey, signal)
    const isStuck = tally.moved === 0 && tally.unplaced + tally.kept > 0
    if (tally.left > 0 && !isStuck) return Math.max(settings.takeover, took * watchShare)
    if (requests === this.#requests) {
      this.#topUp = false
      if (survey.shares.size === 0) this.#inOrderAt = sequence
    }
    return later
  }

  async #survey(topUp: boolean, signal: AbortSignal): Promise<Survey> {
    const { store, runtime, sharers, isGone, isRemoved, self } = this.#init
    const isMissed = (peer: PeerIdText) => isGone(peer) && !isRemoved(peer)
    const survey = new Survey()
    for await (const page of allocatedPins(store, runtime.scheduler, signal)) {
      const view = this.#view()
      for (const pin of page) {
        const need = needOf(pin, view)
        if (need === undefined || (need === 'topUp' && !topUp)) continue
        survey.add(need, sharers().first(pin.cid) ?? self, pin.allocations.filter(isMissed))
      }
    }
    return survey
  }

  /** Whoever makes its share smaller is at work on it. */
  #noteStandstills({ shares }: Survey, now: number): void {
    for (const peer of this.#standstills.keys()) if (!shares.has(peer)) this.#standstills.delete(peer)
    for (const [peer, pins] of shares) {
      const known = this.#standstills.get(peer)
      const since = known === undefined || pins < known.pins ? now : known.since
      this.#standstills.set(peer, { pins, since })
    }
  }

  async #work(survey: Survey, signal: AbortSignal): Promise<Tally> {
    const { lacking, others, missed } = survey
    const tally = emptyTally()
    if (survey.shares.size === 0) return tally
    this.#logger.info('pins need copies', { lacking, ...others, gone: missed.size })
    for (const need of survey.needs()) await this.#pass(need, tally, signal)
    if (tally.moved + tally.unplaced > 0) this.#logger.info('gave pins to other peers', fieldsOf(tally))
    if (tally.unplaced > 0) {
      this.#logger.warn('pins stay without the copies that they need', {
        pins: tally.unplaced,
        error: tally.why,
      })
    }
    return tally
  }

  /** Goes through all pins for those of one need. */
  async #pass(wanted: NonNullable<Need>, tally: Tally, signal: AbortSignal): Promise<void> {
    const { store, runtime, isGone, reallocation, pace } = this.#init
    const { clock } = runtime
    const wants = (pin: Pin) => needOf(pin, this.#view()) === wanted
    let told = clock.monotonic()
    for await (const page of allocatedPins(store, runtime.scheduler, signal)) {
      const needy = page.filter(wants)
      const ours = needy.filter((pin) => this.#isOurs(pin))
      tally.left += needy.length - ours.length
      await reallocation.move(ours, { wants, isGone, tally, signal, pace })
      if (clock.monotonic() - told < progressInterval) continue
      told = clock.monotonic()
      this.#logger.info('pins are being given to other peers', fieldsOf(tally))
    }
  }

  /** This peer's, or for as long without progress that its turn has come. */
  #isOurs({ cid }: Pin): boolean {
    const { self, sharers, settings, runtime } = this.#init
    const responsible = sharers().first(cid) ?? self
    if (responsible === self) return true
    const since = this.#standstills.get(responsible)?.since ?? runtime.clock.monotonic()
    return runtime.clock.monotonic() - since >= sharers().rank(cid, self) * settings.takeover
  }

  #view(): CopiesView {
    const { alive, isGone, isRemoved, runtime } = this.#init
    return { isGone, isRemoved, members: alive().length, now: runtime.clock.now() }
  }

  /**
   * More holders are missed than peers are here: this peer is likelier to be cut off than they are to be gone, and moving
   * their pins would take the copies that they have from them once the cut heals.
   */
  #sayCutOff({ lacking, missed }: Survey): void {
    this.#logger.warn(
      'nothing is re-pinned: of the peers that hold pins more are gone than are here, so that this one seems to be ' +
        'cut off; if they will not come back, remove them with `cluster peers rm`',
      { lacking, gone: missed.size, here: this.#init.alive().length },
    )
  }
}

function fieldsOf({ moved, unplaced, left }: Tally): Record<string, number> {
  return { moved, unplaced, leftToOthers: left }
}
