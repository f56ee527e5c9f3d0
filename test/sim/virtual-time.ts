/**
 * Virtual time: an event queue whose order depends on nothing but what was put into it. Time jumps from event to event,
 * and between two events every promise that can go on has gone on.
 */
import { drainMicrotasks } from 'bun:jsc'
import type { Clock, Scheduler, Timer } from '../../core/runtime/ports.ts'

/** 2027-01-15T08:00:00Z: what the clock says at the start, ms since the epoch. */
export const startOfTime = 1_800_000_000_000

interface Event {
  at: number
  /** Breaks ties: what was put in first happens first. */
  order: number
  task: (() => void) | undefined
}

export class VirtualTime implements Clock, Scheduler {
  readonly #queue: Event[] = []
  #elapsed = 0
  #shift = 0
  readonly #watchers = new Set<() => void>()
  #order = 0
  #events = 0

  now(): number {
    return startOfTime + this.#elapsed + this.#shift
  }

  monotonic(): number {
    return this.#elapsed
  }

  /** Sets the clock, backwards when negative. What is due after a while is due after it all the same. */
  shift(ms: number): void {
    this.#shift += ms
  }

  /** Events that have happened. */
  get events(): number {
    return this.#events
  }

  after(ms: number, task: () => void): Timer {
    const event: Event = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, task }
    this.#push(event)
    return {
      cancel: () => {
        event.task = undefined
      },
    }
  }

  /** A promise that resolves after `ms`. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Calls `watcher` after each event, when all that follows from it has happened. Returns what ends that. */
  onEvent(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Lets the next event happen. False when there is none. */
  step(): boolean {
    drainMicrotasks()
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      if (event.task === undefined) continue
      this.#elapsed = Math.max(this.#elapsed, event.at)
      this.#events++
      event.task()
      drainMicrotasks()
      for (const watcher of this.#watchers) watcher()
      drainMicrotasks()
      return true
    }
    return false
  }

  /** Lets events happen until `done` says so, none is left, or `ms` have gone by. Returns what `done` says in the end. */
  runUntil(done: () => boolean, ms = Number.POSITIVE_INFINITY): boolean {
    const end = this.#elapsed + ms
    drainMicrotasks()
    while (!done()) {
      const next = this.#nextAt()
      if (next === undefined || next > end) break
      this.step()
    }
    return done()
  }

  /** Lets everything happen that is due within `ms`, and the time go by. */
  run(ms: number): void {
    const end = this.#elapsed + ms
    this.runUntil(() => false, ms)
    this.#elapsed = Math.max(this.#elapsed, end)
  }

  #nextAt(): number | undefined {
    while (this.#queue[0] !== undefined && this.#queue[0].task === undefined) this.#pop()
    return this.#queue[0]?.at
  }

  /** A binary heap, the earliest first. */
  #push(event: Event): void {
    const queue = this.#queue
    let at = queue.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(queue[parent]!, event)) break
      queue[at] = queue[parent]!
      at = parent
    }
    queue[at] = event
  }

  #pop(): Event | undefined {
    const queue = this.#queue
    const first = queue[0]
    const last = queue.pop()
    if (first === undefined || last === undefined || queue.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= queue.length) break
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child++
      if (isBefore(last, queue[child]!)) break
      queue[at] = queue[child]!
      at = child
    }
    queue[at] = last
    return first
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
