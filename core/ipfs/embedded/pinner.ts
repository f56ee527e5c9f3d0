/** Pins of the embedded node: fetches what is missing, then writes the pin down. */
import type { CID } from 'multiformats/cid'
import type { IpfsPinOptions, IpfsPinProgress } from '../../runtime/ipfs.ts'
import type { Runtime, Timer } from '../../runtime/ports.ts'
import type { BlockStore } from './blocks/block-store.ts'
import type { BlockPlace, BlockWriter } from './blocks/block-writer.ts'
import { IdSet } from './blocks/id-set.ts'
import type { PinRow } from './blocks/index-changes.ts'
import { DagWalk } from './dag/dag-walk.ts'

/** Where blocks come from that are not here. */
export interface BlockSource {
  /** For one DAG: what is learnt about who has one block serves for the next ones. */
  session(origins: readonly string[]): BlockSession
}

export interface BlockSession extends Disposable {
  /** Waits for the block as long as the signal lets it. `from` names who sent it. */
  fetch(cid: CID, signal: AbortSignal): Promise<{ bytes: Uint8Array; from: string }>
}

/** Nothing arrived for the stall timeout. */
export class StalledError extends Error {
  override readonly name = 'StalledError'
  readonly progress: { blocks: number; bytes: number }
  constructor(progress: { blocks: number; bytes: number }) {
    super('nothing arrived for the whole stall timeout')
    this.progress = progress
  }
}

export interface PinnerInit {
  store: BlockStore
  source: BlockSource
  runtime: Runtime
  /** Whether a pin that is written down holds; one that lacks blocks is gathered again. */
  isWhole(pin: PinRow, signal: AbortSignal): Promise<boolean>
  /** Told of each new pin. */
  onPinned?(cid: CID): void
}

export interface RunningPin {
  cid: CID
  mode: 'recursive' | 'direct'
}

/** Blocks of one pin that are on their way at the same time. */
const concurrency = 32
/** Least time between two progress reports, ms. */
const reportInterval = 250

export class Pinner {
  readonly #init: PinnerInit
  /** A garbage collection keeps what these have so far. */
  readonly running = new Set<RunningPin>()

  constructor(init: PinnerInit) {
    this.#init = init
  }

  /** Resolves when all is here and the pin is durable. Rejects with `StalledError`, and with what walk and store throw. */
  async pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    const { store, isWhole, onPinned } = this.#init
    const known = store.index.pin(cid.bytes)
    const holds = known !== undefined && (known.mode === options.mode || known.mode === 'recursive')
    if (holds && (await isWhole(known, options.signal))) return { blocks: known.blocks, bytes: known.bytes }
    // A recursive pin that lacks blocks stays one.
    const mode = holds ? known.mode : options.mode
    const running = { cid, mode }
    this.running.add(running)
    try {
      const { doubt: proven } = store.index.counters
      const { blocks, bytes, fresh } = await this.#gather(cid, { ...options, mode })
      const pin = { cid: cid.bytes, mode, blocks, bytes, proven }
      await Promise.all([store.index.commit({ kind: 'pin', pin }), store.settle(fresh)])
      onPinned?.(cid)
      return { blocks, bytes }
    } finally {
      this.running.delete(running)
    }
  }

  /** A CID that is not pinned is no error. */
  async unpin(cid: CID): Promise<void> {
    await this.#init.store.index.commit({ kind: 'unpin', cid: cid.bytes })
  }

  async #gather(cid: CID, options: IpfsPinOptions): Promise<Gathered> {
    const { store, source } = this.#init
    const writer = store.writer({ fresh: false })
    using watch = new StallWatch(this.#init.runtime, options)
    using session = source.session(options.origins ?? [])
    const gathered: Gathered = { blocks: 0, bytes: 0, fresh: new IdSet() }
    const visit = (_cid: CID, place: BlockPlace) => {
      gathered.blocks++
      gathered.bytes += place.size
      if (place.fresh > 0) gathered.fresh.add(place.id)
      watch.progressed(gathered)
    }
    const obtain = (block: CID, signal: AbortSignal) => fetchInto(writer, session, block, signal)
    if (options.mode === 'direct') {
      visit(cid, writer.meet(cid) ?? (await obtain(cid, watch.signal)))
    } else {
      const locate = (block: CID) => writer.meet(block)
      const read = (block: CID) => store.get(block)
      await new DagWalk({ concurrency, signal: watch.signal, locate, obtain, read, onVisit: visit }).run(cid)
    }
    await writer.finish()
    watch.finished()
    return gathered
  }
}

interface Gathered {
  blocks: number
  bytes: number
  /** Blocks that were protected without a pin; the pin protects them from now on. */
  fresh: IdSet
}

async function fetchInto(
  writer: BlockWriter,
  session: BlockSession,
  cid: CID,
  signal: AbortSignal,
): Promise<BlockPlace> {
  const { bytes, from } = await session.fetch(cid, signal)
  await writer.put(cid, bytes, from)
  return writer.meet(cid)!
}

/** Reports progress, not too often, and gives up when there is none. */
class StallWatch implements Disposable {
  readonly #runtime: Runtime
  readonly #options: IpfsPinOptions
  readonly #stop = new AbortController()
  readonly signal: AbortSignal
  #latest = { blocks: 0, bytes: 0 }
  #reported = 0
  #progressedAt: number
  #stallTimer: Timer | undefined
  #reportTimer: Timer | undefined

  constructor(runtime: Runtime, options: IpfsPinOptions) {
    this.#runtime = runtime
    this.#options = options
    this.signal = AbortSignal.any([this.#stop.signal, options.signal])
    this.#progressedAt = runtime.clock.monotonic()
    if (options.stallTimeout > 0) this.#watch(options.stallTimeout)
  }

  progressed({ blocks, bytes }: { blocks: number; bytes: number }): void {
    this.#latest = { blocks, bytes }
    this.#progressedAt = this.#runtime.clock.monotonic()
    this.#reportTimer ??= this.#runtime.scheduler.after(reportInterval, () => this.#report())
  }

  finished(): void {
    this.#report()
  }

  [Symbol.dispose](): void {
    this.#stallTimer?.cancel()
    this.#reportTimer?.cancel()
  }

  #report(): void {
    this.#reportTimer?.cancel()
    this.#reportTimer = undefined
    if (this.#latest.blocks === this.#reported) return
    this.#reported = this.#latest.blocks
    this.#options.onProgress?.(this.#latest)
  }

  #watch(delay: number): void {
    this.#stallTimer = this.#runtime.scheduler.after(delay, () => {
      const left = this.#progressedAt + this.#options.stallTimeout - this.#runtime.clock.monotonic()
      if (left > 0) this.#watch(left)
      else this.#stop.abort(new StalledError(this.#latest))
    })
  }
}
