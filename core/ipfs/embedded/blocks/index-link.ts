/** Asks the Worker that writes the index. When it ends by itself, everything asked of it fails from then on. */
import { RepositoryError, StorageFullError } from '../errors.ts'
import type {
  FromIndexWorker,
  IndexChange,
  IndexCounters,
  IndexFailure,
  ToIndexWorker,
} from './index-changes.ts'

interface Asked {
  resolve(counters: IndexCounters): void
  reject(error: Error): void
}

type Request<Message = ToIndexWorker> = Message extends unknown ? Omit<Message, 'id'> : never

export class IndexLink implements AsyncDisposable {
  readonly #file: string
  readonly #worker = new Worker(new URL('./index-worker.ts', import.meta.url))
  readonly #asked = new Map<number, Asked>()
  #lastId = 0
  #end: Error | undefined

  constructor(file: string) {
    this.#file = file
    this.#worker.addEventListener('message', ({ data }: MessageEvent<FromIndexWorker>) => this.#answer(data))
    this.#worker.addEventListener('error', ({ message }) => this.#ended(message))
    this.#worker.addEventListener('close', () => this.#ended('it ended'))
  }

  /** Rejects with `RepositoryError`. */
  open(): Promise<IndexCounters> {
    return this.#request({ kind: 'open', file: this.#file })
  }

  /** Rejects with `StorageFullError` or `RepositoryError`. */
  commit(changes: IndexChange[]): Promise<IndexCounters> {
    return this.#request({ kind: 'commit', changes })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end !== undefined) return
    await this.#request({ kind: 'close' }).catch(() => undefined)
    this.#end = new RepositoryError(`${this.#file} is closed`)
    this.#worker.terminate()
  }

  #request(request: Request): Promise<IndexCounters> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#asked.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id })
    })
  }

  #answer(answer: FromIndexWorker): void {
    const asked = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    if ('failure' in answer) asked?.reject(this.#toError(answer.failure))
    else asked?.resolve(answer.counters)
  }

  #ended(cause: string): void {
    if (this.#end !== undefined) return
    this.#end = new RepositoryError(
      `${this.#file} cannot be written any more: the Worker that writes it stopped (${cause}); restart the peer`,
    )
    for (const { reject } of this.#asked.values()) reject(this.#end)
    this.#asked.clear()
  }

  #toError({ kind, message }: IndexFailure): Error {
    if (kind === 'full') return new StorageFullError(`there is no room to write ${this.#file}`)
    const what = kind === 'unusable' ? 'cannot be opened' : 'cannot be written'
    return new RepositoryError(`${this.#file} ${what}: ${message}`)
  }
}
