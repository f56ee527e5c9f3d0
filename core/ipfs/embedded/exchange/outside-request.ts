/** One GET at a service outside, which may be anything by now: it follows few redirects, and waits for no answer for long. */
import { Deadline } from '../../../runtime/deadline.ts'
import type { Scheduler } from '../../../runtime/ports.ts'

export interface OutsideRequest {
  url: URL
  /** Content types that are asked for. */
  accept: string
  /** Ends the request, and the reading of its body. */
  signal: AbortSignal
  scheduler: Scheduler
}

const maxRedirects = 3
/** ms until the answer begins, with all redirects. */
const headTimeout = 10_000

/** Rejects when nothing answers in time, and when it is sent on too often. */
export async function requestOutside({ url, accept, signal, scheduler }: OutsideRequest): Promise<Response> {
  // The signal of the caller goes on to count for the body; the deadline is over with the head.
  using deadline = new Deadline(scheduler, headTimeout)
  const ended = AbortSignal.any([signal, deadline.signal])
  for (let at = url, left = maxRedirects; ; left--) {
    const response = await fetch(at, { headers: { accept }, redirect: 'manual', signal: ended })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return response
    await response.body?.cancel()
    if (left === 0) throw new Error(`it redirects more than ${maxRedirects} times`)
    at = redirectTarget(location, at)
  }
}

/** A service that is reached over TLS must not send this node to hosts without, such as those behind its firewall. */
export function redirectTarget(location: string, from: URL): URL {
  const target = URL.parse(location, from)
  if (target === null || !/^https?:$/.test(target.protocol))
    throw new Error('it redirects to what is no web address')
  if (from.protocol === 'https:' && target.protocol !== 'https:')
    throw new Error('it redirects from https to http')
  if (target.href === from.href) throw new Error('it redirects to itself')
  return target
}

/** Of `Retry-After`, in ms; only the form in seconds counts. */
export function pauseAskedFor(response: Response): number {
  const seconds = response.headers.get('retry-after') ?? ''
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0
}
