/**
 * What is still to come of a request's body when it is answered already. Closing the connection then would reset it, and
 * the client would see the reset instead of the answer: so it is read away for a while.
 */
import type { IncomingMessage } from 'node:http'
import type { Scheduler } from '../../runtime/ports.ts'

/** Milliseconds that the rest of a body may take. */
const discardTimeout = 2_000

/** Resolves when the body is at its end, the connection closed, or the time over. */
export async function discardBody(incoming: IncomingMessage, scheduler: Scheduler): Promise<void> {
  if (isBodyOver(incoming)) return
  const over = Promise.withResolvers<void>()
  const timer = scheduler.after(discardTimeout, over.resolve)
  const { socket } = incoming
  // An iterator that was left half-way listens still, and would keep the stream from flowing.
  incoming.removeAllListeners('readable')
  incoming.once('end', over.resolve).once('error', over.resolve).resume()
  socket.once('close', over.resolve)
  await over.promise
  timer.cancel()
  socket.off('close', over.resolve)
}

/** Also of a request that has no body, whose end may be noticed later. */
export function isBodyOver(incoming: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = incoming.headers
  const hasBody = encoding !== undefined || Number(length) > 0
  return !hasBody || incoming.complete || incoming.destroyed || incoming.socket.destroyed
}
