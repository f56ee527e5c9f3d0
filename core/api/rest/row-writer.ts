/**
 * Writes the rows of a long answer: many in one write while they come fast, at once when their source pauses, and no faster
 * than the client reads.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Scheduler, Timer } from '../../runtime/ports.ts'

/** Characters of rows that are held back at most. */
const batchLength = 64 * 1024
/** ms in which a client has to read that much; after it the connection is closed. */
export const readLimit = 120_000

export class RowWriter {
  readonly #outgoing: ServerResponse
  readonly #write: (text: string) => boolean
  readonly #scheduler: Scheduler
  #rows = ''
  #scheduled: ReturnType<typeof setImmediate> | undefined

  /** `write` hands text to the connection; false means that it has enough for now. */
  constructor(outgoing: ServerResponse, scheduler: Scheduler, write: (text: string) => boolean) {
    this.#outgoing = outgoing
    this.#scheduler = scheduler
    this.#write = write
  }

  /** Resolves when the next row may come. */
  async write(row: string): Promise<void> {
    this.#rows += row
    if (this.#rows.length < batchLength) {
      // Runs when the source has nothing at hand and the event loop turns.
      this.#scheduled ??= setImmediate(() => this.#send())
      return
    }
    if (this.#send()) await turn()
    else await drained(this.#outgoing, this.#scheduler)
  }

  /** Writes what is held back. */
  flush(): void {
    this.#send()
  }

  #send(): boolean {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const rows = this.#rows
    this.#rows = ''
    return rows === '' || this.#write(rows)
  }
}

/** Lets other requests run: a source that never waits would keep them out. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * Resolves when the client has read, or is gone. One that does not read is sent away, after a time that begins when `from`
 * resolves, or at once.
 */
export async function drained(
  outgoing: ServerResponse,
  scheduler: Scheduler,
  from?: Promise<void>,
): Promise<void> {
  if (outgoing.destroyed) return
  const done = new AbortController()
  const options = { signal: done.signal }
  let timer: Timer | undefined
  const limit = () => {
    if (!done.signal.aborted) timer = scheduler.after(readLimit, () => outgoing.req.socket.destroy())
  }
  if (from === undefined) limit()
  else void from.then(limit)
  try {
    await Promise.race([once(outgoing, 'drain', options), once(outgoing, 'close', options)])
  } finally {
    done.abort()
    timer?.cancel()
  }
}
