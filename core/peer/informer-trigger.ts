/**
 * Has all metrics told anew after a number of works on the IPFS node (`informer_trigger_interval`), so that others know
 * sooner how much room is left: each pin counts when it begins and when it ends, each stream of blocks and each garbage
 * collection when it ends (`spec/behaviour.md` §3.1).
 */
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Scheduler, Timer } from '../runtime/ports.ts'

/** Milliseconds between two such rounds at least: works may be many. */
const triggerPause = 1_000

export class InformerTrigger implements Disposable {
  readonly #interval: number
  readonly #scheduler: Scheduler
  readonly #tell: () => void
  #works = 0
  #isDue = false
  #pause: Timer | undefined

  /** `interval`: works from one round to the next, at least 1. */
  constructor(interval: number, scheduler: Scheduler, tell: () => void) {
    this.#interval = interval
    this.#scheduler = scheduler
    this.#tell = tell
  }

  /** The same node, whose works count. */
  watch(ipfs: Ipfs): Ipfs {
    const count = () => this.#count()
    return {
      kind: ipfs.kind,
      ...(ipfs.proof === undefined ? {} : { proof: ipfs.proof }),
      id: (options) => ipfs.id(options),
      pinState: (cid, options) => ipfs.pinState(cid, options),
      pins: (options) => ipfs.pins(options),
      pin(cid, options) {
        count()
        return ipfs.pin(cid, options).finally(count)
      },
      unpin: (cid, options) => ipfs.unpin(cid, options),
      putBlocks: (blocks, options) => ipfs.putBlocks(blocks, options).finally(count),
      getBlock: (cid, options) => ipfs.getBlock(cid, options),
      repoStat: (options) => ipfs.repoStat(options),
      async *gc(options) {
        try {
          yield* ipfs.gc(options)
        } finally {
          count()
        }
      },
      resolve: (path, options) => ipfs.resolve(path, options),
      connect: (address, options) => ipfs.connect(address, options),
      swarmPeers: (options) => ipfs.swarmPeers(options),
      [Symbol.asyncDispose]: () => ipfs[Symbol.asyncDispose](),
    }
  }

  #count(): void {
    this.#works++
    if (this.#works % this.#interval !== 0) return
    this.#isDue = true
    if (this.#pause === undefined) this.#tellIfDue()
  }

  #tellIfDue(): void {
    this.#pause = undefined
    if (!this.#isDue) return
    this.#isDue = false
    this.#tell()
    this.#pause = this.#scheduler.after(triggerPause, () => this.#tellIfDue())
  }

  [Symbol.dispose](): void {
    this.#pause?.cancel()
  }
}
