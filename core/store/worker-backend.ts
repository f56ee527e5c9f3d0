/**
 * Commits in a Worker, so that a merge or a sync never holds up the main thread. A Worker that ends by itself fails what
 * it was asked, and the next batch starts another one.
 */
import type { CommitBackend } from './commit-queue.ts'
import { StoreDamagedError, StoreFailedError, StoreFullError } from './errors.ts'
import type { Batch, BatchAnswer } from './jobs.ts'
import type { FromWorker, ToWorker, WorkerFailure, WorkerSetup } from './worker-messages.ts'

/** The part of a Worker that the backend uses. */
export interface WorkerLike {
  postMessage(message: ToWorker): void
  terminate(): void
  addEventListener(type: 'message', listener: (event: { data: FromWorker }) => void): void
  addEventListener(type: 'error', listener: (event: { message?: string }) => void): void
  addEventListener(type: 'close', listener: () => void): void
}

export interface WorkerBackendInit {
  setup: WorkerSetup
  /** The Worker of `store-worker.ts` when absent. */
  startWorker?(): WorkerLike
}

export class WorkerBackend implements CommitBackend, AsyncDisposable {
  readonly #init: WorkerBackendInit
  #link: WorkerLink | undefined

  constructor(init: WorkerBackendInit) {
    this.#init = init
  }

  /** Rejects with `StoreFullError`, `StoreDamagedError` or `StoreFailedError`. */
  async open(): Promise<void> {
    if (this.#link?.isAlive) return
    const start = this.#init.startWorker ?? startStoreWorker
    const link = new WorkerLink(start(), this.#init.setup.path)
    try {
      await link.request({ kind: 'open', setup: this.#init.setup })
      this.#link = link
    } catch (error) {
      link.terminate()
      throw error
    }
  }

  async commit(batch: Batch): Promise<BatchAnswer> {
    await this.open()
    const answer = await this.#link?.request({ kind: 'commit', batch })
    if (answer === undefined) throw new StoreFailedError(this.#init.setup.path, 'the Worker gave no answer')
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const link = this.#link
    this.#link = undefined
    if (!link?.isAlive) return
    try {
      await link.request({ kind: 'close' })
    } finally {
      link.terminate()
    }
  }
}

function startStoreWorker(): WorkerLike {
  return new Worker(new URL('./store-worker.ts', import.meta.url)) as unknown as WorkerLike
}

type Request<Message = ToWorker> = Message extends unknown ? Omit<Message, 'id'> : never

interface Asked {
  resolve(answer: BatchAnswer | undefined): void
  reject(error: Error): void
}

/** One Worker and what it was asked. */
class WorkerLink {
  readonly #worker: WorkerLike
  readonly #path: string
  readonly #asked = new Map<number, Asked>()
  #lastId = 0
  #alive = true

  constructor(worker: WorkerLike, path: string) {
    this.#worker = worker
    this.#path = path
    worker.addEventListener('message', ({ data }) => this.#answer(data))
    worker.addEventListener('error', ({ message }) => this.#end(message ?? 'an error without a message'))
    worker.addEventListener('close', () => this.#end('it ended'))
  }

  get isAlive(): boolean {
    return this.#alive
  }

  request(request: Request): Promise<BatchAnswer | undefined> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#asked.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id } as ToWorker)
    })
  }

  terminate(): void {
    this.#alive = false
    this.#worker.terminate()
  }

  #answer(answer: FromWorker): void {
    const asked = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    if ('error' in answer) asked?.reject(this.#toError(answer.error))
    else asked?.resolve(answer.answer)
  }

  #end(cause: string): void {
    if (!this.#alive) return
    this.terminate()
    const error = new StoreFailedError(this.#path, `the Worker that writes it stopped (${cause})`)
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }

  #toError({ kind, cause }: WorkerFailure): Error {
    if (kind === 'full') return new StoreFullError(this.#path)
    return kind === 'damaged' ? new StoreDamagedError(cause) : new StoreFailedError(this.#path, cause)
  }
}
