/**
 * Gathers a stream of blocks into batches of one kind and sends them, a few at a time. Memory is bounded by the constants
 * below; while that much waits, no block is asked for.
 */
import type { IpfsBlock } from '../../runtime/ipfs.ts'
import { type BlockKind, isInline } from './block-kinds.ts'
import { LinkedAbort } from './linked-abort.ts'

/** A batch is sent when it has this many bytes or blocks. */
const maxBatchBytes = 4 * 1024 * 1024
const maxBatchBlocks = 1_000
/** Bytes that batches of all kinds gather; above it the largest is sent. */
const maxGatheredBytes = 8 * 1024 * 1024
/** Batches sent at the same time. */
const maxInFlight = 2

export interface BlockBatch {
  kind: BlockKind
  blocks: IpfsBlock[]
  bytes: number
}

export interface BatchSender {
  /** Blocks of the same kind may be sent together. Throws for one that cannot be sent. */
  kindOf(block: IpfsBlock): BlockKind
  /** Sends one batch. Told by `signal` when another one failed. */
  send(batch: BlockBatch, signal: AbortSignal): Promise<void>
}

/** Rejects with the first error of the source, of the sender, or the reason of `signal`; all that runs is then ended. */
export async function sendInBatches(
  source: AsyncIterable<IpfsBlock>,
  sender: BatchSender,
  signal: AbortSignal,
): Promise<void> {
  using failure = new LinkedAbort(signal)
  const inFlight = new Set<Promise<void>>()
  const start = async (batch: BlockBatch) => {
    while (inFlight.size >= maxInFlight) await Promise.race(inFlight)
    failure.signal.throwIfAborted()
    const sent = sender
      .send(batch, failure.signal)
      .catch((error: unknown) => failure.abort(error))
      .finally(() => inFlight.delete(sent))
    inFlight.add(sent)
  }
  try {
    const gathering = new Gathering()
    for await (const block of untilAborted(source, failure.signal)) {
      if (isInline(block.cid)) continue
      const batch = gathering.add(sender.kindOf(block), block)
      if (batch) await start(batch)
    }
    for (const batch of gathering.rest()) await start(batch)
    await Promise.all(inFlight)
    failure.signal.throwIfAborted()
  } catch (error) {
    failure.abort(error)
    await Promise.all(inFlight)
    throw failure.signal.reason
  }
}

class Gathering {
  readonly #batches = new Map<string, BlockBatch>()
  #bytes = 0

  /** The batch that is due now, if any. */
  add(kind: BlockKind, block: IpfsBlock): BlockBatch | undefined {
    const key = `${kind.codec} ${kind.hash} ${kind.length}`
    let batch = this.#batches.get(key)
    if (batch === undefined) this.#batches.set(key, (batch = { kind, blocks: [], bytes: 0 }))
    batch.blocks.push(block)
    batch.bytes += block.bytes.length
    this.#bytes += block.bytes.length
    if (batch.bytes >= maxBatchBytes || batch.blocks.length >= maxBatchBlocks) return this.#take(key, batch)
    return this.#bytes >= maxGatheredBytes ? this.#takeLargest() : undefined
  }

  rest(): BlockBatch[] {
    return [...this.#batches.values()]
  }

  #takeLargest(): BlockBatch {
    const [key, batch] = [...this.#batches].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a))
    return this.#take(key, batch)
  }

  #take(key: string, batch: BlockBatch): BlockBatch {
    this.#batches.delete(key)
    this.#bytes -= batch.bytes
    return batch
  }
}

/** The items of `source`, until `signal` fires: then rejects with its reason, even while the source gives nothing. */
async function* untilAborted<Item>(source: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const items = source[Symbol.asyncIterator]()
  let giveUp: ((reason: unknown) => void) | undefined
  const abort = () => giveUp?.(signal.reason)
  signal.addEventListener('abort', abort)
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await new Promise<IteratorResult<Item>>((resolve, reject) => {
        giveUp = reject
        items.next().then(resolve, (error: unknown) => {
          ended = true
          reject(error)
        })
      })
      if (next.done) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // Not waited for: a generator that hangs answers `return` only after it has gone on.
    if (!ended) items.return?.().catch(() => undefined)
  }
}
