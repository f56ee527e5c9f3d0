/**
 * Keeps blocks that were just written out of the way of garbage collection: `repo/gc` removes what no pin holds, and
 * `block/put` pins nothing. A collection begins when no write runs and what was written is pinned; where it is not known
 * which pin holds it, a grace after the last write has to be over. It waits for that only as long as a client does, holds
 * nobody up meanwhile, and then says what it waited for. Writes wait only while a collection runs, as `ipfs add` does.
 */
import type { CID } from 'multiformats/cid'
import type { Runtime, Timer } from '../../runtime/ports.ts'

/** Roots that are remembered until they are pinned. */
const maxRoots = 10_000

export interface GcGuardInit {
  runtime: Runtime
  /** ms after a write in which its pin is made. */
  grace: number
  /** ms that a collection waits to begin. */
  patience: number
}

/** A write that runs. */
export interface GuardedWrite extends Disposable {
  /** Names what is to be pinned of it, so that nothing waits longer than for these pins. */
  willBePinned(roots: readonly CID[]): void
}

/** The collection cannot begin now; the message is what it waits for, and until when. */
export class GuardBusyError extends Error {
  override readonly name = 'GuardBusyError'
}

export class GcGuard {
  readonly #runtime: Runtime
  readonly #grace: number
  readonly #patience: number
  /** Since when each write runs. */
  readonly #writes = new Set<{ since: number }>()
  #collections = 0
  /** When blocks were last written of which no root is known. */
  #lastWrite = Number.NEGATIVE_INFINITY
  /** Roots that are not pinned yet, and when their last block was written; the oldest first. */
  readonly #roots = new Map<string, { cid: CID; written: number }>()
  readonly #waiting = new Set<() => void>()

  constructor({ runtime, grace, patience }: GcGuardInit) {
    this.#runtime = runtime
    this.#grace = grace
    this.#patience = patience
  }

  /** Resolves when no collection runs. Rejects with the reason of `signal`. */
  async write(signal: AbortSignal): Promise<GuardedWrite> {
    while (this.#collections > 0) await this.#change(signal)
    const write = { since: this.#now }
    this.#writes.add(write)
    let roots: readonly CID[] = []
    return {
      willBePinned(named) {
        roots = named
      },
      [Symbol.dispose]: () => {
        if (!this.#writes.delete(write)) return
        this.#written(roots)
        this.#wake()
      },
    }
  }

  /** A recursive pin holds `cid` now. */
  pinned(cid: CID): void {
    if (this.#roots.delete(cid.toString())) this.#wake()
  }

  /** What is awaited to be pinned, the oldest first. */
  awaited(): CID[] {
    this.#forgetOld()
    return [...this.#roots.values()].map(({ cid }) => cid)
  }

  /** Resolves when the collection may begin. Rejects with `GuardBusyError`, or with the reason of `signal`. */
  async collect(signal: AbortSignal): Promise<Disposable> {
    const end = this.#now + this.#patience
    for (let busy = this.#busy(); busy; busy = this.#busy()) {
      const left = end - this.#now
      if (left <= 0 || busy.atLeast > left) throw new GuardBusyError(busy.text)
      await this.#change(signal, Math.min(left, busy.atMost))
    }
    signal.throwIfAborted()
    this.#collections++
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        this.#collections--
        this.#wake()
      },
    }
  }

  get #now(): number {
    return this.#runtime.clock.monotonic()
  }

  #written(roots: readonly CID[]): void {
    const written = this.#now
    if (roots.length === 0 || this.#roots.size + roots.length > maxRoots) {
      this.#lastWrite = written
      return
    }
    for (const cid of roots) {
      const key = cid.toString()
      this.#roots.delete(key)
      this.#roots.set(key, { cid, written })
    }
  }

  #forgetOld(): void {
    for (const [key, { written }] of this.#roots) {
      if (written + this.#grace > this.#now) return
      this.#roots.delete(key)
    }
  }

  /** What a collection has to wait for: at least and at most so many ms. Undefined when it may begin. */
  #busy(): { atLeast: number; atMost: number; text: string } | undefined {
    const [oldest] = this.#writes
    if (oldest) {
      const count = `${this.#writes.size} upload${this.#writes.size === 1 ? '' : 's'}`
      const text = `${count} of blocks to it still ran, the oldest for ${seconds(this.#now - oldest.since)}: run it again when they are done`
      return { atLeast: 0, atMost: Number.POSITIVE_INFINITY, text }
    }
    this.#forgetOld()
    const newest = [...this.#roots.values()].at(-1)
    const sinceRoot = (newest?.written ?? Number.NEGATIVE_INFINITY) + this.#grace - this.#now
    const sinceWrite = this.#lastWrite + this.#grace - this.#now
    const left = Math.max(sinceRoot, sinceWrite)
    if (left <= 0) return undefined
    const ago = seconds(this.#now - Math.max(newest?.written ?? Number.NEGATIVE_INFINITY, this.#lastWrite))
    const text = `blocks were written to it ${ago} ago, and it would remove them if their pin is not made yet: run it again in ${seconds(left)}`
    return { atLeast: Math.max(sinceWrite, 0), atMost: left, text }
  }

  /** Resolves at the next change, or after `ms`. */
  async #change(signal: AbortSignal, ms?: number): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => reject(signal.reason)
    let timer: Timer | undefined
    if (ms !== undefined) timer = this.#runtime.scheduler.after(ms, resolve)
    signal.addEventListener('abort', abort)
    this.#waiting.add(resolve)
    try {
      await promise
    } finally {
      timer?.cancel()
      signal.removeEventListener('abort', abort)
      this.#waiting.delete(resolve)
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
  }
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`
}
