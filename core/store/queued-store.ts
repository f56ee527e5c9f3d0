/** The Store port out of its three parts: a reader, a queue of commits, and the writes that wait in it. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../pin/pin.ts'
import type { Runtime } from '../runtime/ports.ts'
import type {
  CommittedChange,
  DagBlock,
  MergeOutcome,
  Page,
  PinsetChange,
  RequeueQuery,
  Store,
  TrackedOutcome,
  Written,
} from '../runtime/store.ts'
import { encodeChange } from './change-requests.ts'
import { type CommitBackend, CommitQueue, type QueueBounds } from './commit-queue.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { BlockRequest, RequeuePosition } from './jobs.ts'
import { cidOfKey } from './keys.ts'
import { longestPage } from './page-limit.ts'
import { PendingPins } from './pending-pins.ts'
import { StoreReader, toChange } from './store-reader.ts'
import type { CommittedRow, TableReader } from './tables.ts'

export interface QueuedStoreInit {
  tables: TableReader
  self: string
  backend: CommitBackend
  runtime: Pick<Runtime, 'clock' | 'scheduler' | 'logger'>
  bounds?: Partial<QueueBounds>
  /** Closes what is below, once all that waited is stored. */
  close(): Promise<void>
}

/** Bytes of blocks merged in one transaction, unless a single block has more. */
const mergedAtOnce = 2 * 1024 * 1024

export class QueuedStore extends StoreReader implements Store {
  readonly #queue: CommitQueue
  readonly #pending = new PendingPins()
  readonly #listeners = new Set<(changes: CommittedChange[]) => void>()
  readonly #closeBelow: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor({ tables, self, backend, runtime, bounds, close }: QueuedStoreInit) {
    super(tables, self)
    this.#closeBelow = close
    this.#queue = new CommitQueue({
      backend,
      runtime,
      onChanges: (rows) => this.#tell(rows),
      ...(bounds === undefined ? {} : { bounds }),
    })
  }

  async write(changes: PinsetChange[]): Promise<Written> {
    if (changes.length === 0) return { sequence: 0, applied: 0 }
    const requests = changes.map(encodeChange)
    const stored = this.#queue.submit<'write'>({ kind: 'write', changes: requests })
    this.#pending.add(requests)
    try {
      const { block, ...written } = await stored
      return block === undefined ? written : { cid: cidOfKey(block), ...written }
    } finally {
      this.#pending.remove(requests)
    }
  }

  async merge(blocks: DagBlock[]): Promise<MergeOutcome> {
    const outcome: MergeOutcome = { merged: 0, sequence: 0 }
    for (const part of inParts(blocks)) {
      const { merged, sequence } = await this.#queue.submit<'merge'>({ kind: 'merge', blocks: part })
      outcome.merged += merged
      outcome.sequence = Math.max(outcome.sequence, sequence)
    }
    return outcome
  }

  override pin(cid: CID): Pin | undefined {
    return this.#pending.pin(cid, () => super.pin(cid))
  }

  storedPin(cid: CID): Pin | undefined {
    return super.pin(cid)
  }

  async record(outcomes: TrackedOutcome[]): Promise<number[]> {
    if (outcomes.length === 0) return []
    return this.#queue.submit<'record'>({
      kind: 'record',
      outcomes: outcomes.map(({ cid, ...outcome }) => ({ key: cid.bytes, ...outcome })),
    })
  }

  async requeue(query: RequeueQuery): Promise<Page<CID>> {
    if ('cid' in query) {
      const keys = await this.#queue.submit<'requeue'>({ kind: 'requeue', key: query.cid.bytes })
      return { rows: keys.map(cidOfKey) }
    }
    const { limit, after } = query
    if (limit < 1 || limit > longestPage) throw new RangeError(`limit ${limit} is not 1 to ${longestPage}`)
    const { keys, next } = await this.#queue.submit<'requeuePage'>({
      kind: 'requeuePage',
      limit,
      ...(after === undefined ? {} : { after: requeuePosition(after) }),
    })
    const rows = keys.map(cidOfKey)
    return next === undefined ? { rows } : { rows, next: requeueCursor(next) }
  }

  async bindIpfs(ipfsId: string): Promise<boolean> {
    let rebound = false
    for (let done = false; !done; ) {
      const page = await this.#queue.submit<'bind'>({ kind: 'bind', ipfsId })
      rebound ||= page.rebound
      done = page.done
    }
    return rebound
  }

  /** Queues again what the process before this one had in work. Returns how many. */
  async recover(): Promise<number> {
    let recovered = 0
    for (let done = false; !done; ) {
      const page = await this.#queue.submit<'recover'>({ kind: 'recover' })
      recovered += page.recovered
      done = page.done
    }
    return recovered
  }

  onChange(listener: (changes: CommittedChange[]) => void): () => void {
    const entry = (changes: CommittedChange[]): void => listener(changes)
    this.#listeners.add(entry)
    return () => this.#listeners.delete(entry)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#queue[Symbol.asyncDispose]()
    } finally {
      this.#listeners.clear()
      await this.#closeBelow()
    }
  }

  #tell(rows: CommittedRow[]): void {
    if (this.#listeners.size === 0) return
    const changes = rows.map((row) => (row.waits ? { ...toChange(row), waits: row.waits } : toChange(row)))
    for (const listener of this.#listeners) listener(changes)
  }
}

function* inParts(blocks: DagBlock[]): Generator<BlockRequest[]> {
  let part: BlockRequest[] = []
  let size = 0
  for (const { cid, bytes } of blocks) {
    if (part.length > 0 && size + bytes.length > mergedAtOnce) {
      yield part
      part = []
      size = 0
    }
    part.push({ cid: cid.bytes, bytes })
    size += bytes.length
  }
  if (part.length > 0) yield part
}

function requeueCursor({ status, key }: RequeuePosition): string {
  return encodeCursor('r', Uint8Array.of(status, ...key))
}

function requeuePosition(cursor: string): RequeuePosition {
  const bytes = decodeCursor('r', cursor)
  return { status: bytes[0] ?? 0, key: bytes.subarray(1) }
}
