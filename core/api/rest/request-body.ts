/** The body of a request, as it comes. A client that stops in the middle does not hold its place for ever. */
import type { IncomingMessage } from 'node:http'
import type { Scheduler } from '../../runtime/ports.ts'
import { RequestError } from './errors.ts'

/** ms for which nothing of a body may come. Slow uploads go on: each byte begins the time again. */
export const bodyIdleLimit = 60_000

/**
 * Pieces of the body. Only the time in which a piece is waited for counts, not the time that its reader takes. Rejects with
 * `RequestError` (408). Left early, it does not take the connection with it: the answer goes out by that.
 */
export async function* readBody(incoming: IncomingMessage, scheduler: Scheduler): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false })
  try {
    for (;;) {
      const next = await nextWithin(pieces, scheduler)
      if (next.done) return
      yield next.value
    }
  } finally {
    // A read that came too late is still waiting, and waiting for its end would be waiting for the client.
    void pieces.return?.()?.then(undefined, () => undefined)
  }
}

async function nextWithin(pieces: AsyncIterator<Uint8Array>, scheduler: Scheduler) {
  const late = Promise.withResolvers<never>()
  const timer = scheduler.after(bodyIdleLimit, () => {
    late.reject(
      new RequestError(`nothing of the body came for ${bodyIdleLimit / 1_000} s: send it again`, {
        status: 408,
      }),
    )
  })
  try {
    return await Promise.race([pieces.next(), late.promise])
  } finally {
    timer.cancel()
  }
}
