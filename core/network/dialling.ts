/**
 * Reaches a peer by whichever of its addresses answers first. The library tries them one after the other, so that an address
 * that nobody is at any more holds up all that follow.
 */
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Scheduler, Timer } from '../runtime/ports.ts'

/** As much of the host as is used. */
export interface Dialler {
  dial(addresses: Multiaddr[], options: { signal: AbortSignal }): Promise<Connection>
  components: {
    transportManager: { dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection> }
  }
}

/** Milliseconds that an address is alone, before the next is tried as well. */
const stagger = 250

/**
 * `addresses`: at least one, each with the ID of the peer, best first. Rejects with an `AggregateError` that has an error for
 * each address in their order.
 */
export async function dialFirst(
  host: Dialler,
  addresses: readonly string[],
  scheduler: Scheduler,
  signal: AbortSignal,
): Promise<Connection> {
  // The transport ends a connection with the signal that it was made with, so each attempt has its own.
  const attempts: Attempt[] = []
  let before: Promise<unknown> = Promise.resolve()
  for (const text of addresses) {
    const turn = before
    const abort = new AbortController()
    const made = turn.then(() => {
      abort.signal.throwIfAborted()
      return dialOne(host, multiaddr(text), { signal: abort.signal })
    })
    attempts.push({ made, abort })
    // The next begins when this one has failed, or after a while.
    before = turn.then(() => settledOrAfter(made, stagger, scheduler))
  }
  const onAbort = () => endAll(attempts, signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const first = await Promise.any(
      attempts.map(({ made }) => made.then((connection) => ({ connection, made }))),
    )
    const others = attempts.filter(({ made }) => made !== first.made)
    endAll(others, new Error('another address answered first'))
    return first.connection
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface Attempt {
  made: Promise<Connection>
  abort: AbortController
}

function endAll(attempts: readonly Attempt[], reason: unknown): void {
  for (const { made, abort } of attempts) {
    abort.abort(reason)
    // One may have been made just before.
    made.then(
      (connection) => connection.close(),
      () => undefined,
    )
  }
}

/** Names that stand for further addresses are left to the library. */
async function dialOne(
  host: Dialler,
  address: Multiaddr,
  options: { signal: AbortSignal },
): Promise<Connection> {
  const isName = address.getComponents()[0]?.name === 'dnsaddr'
  return isName
    ? await host.dial([address], options)
    : await host.components.transportManager.dial(address, options)
}

async function settledOrAfter(work: Promise<unknown>, ms: number, scheduler: Scheduler): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer: Timer = scheduler.after(ms, resolve)
  work.then(
    () => resolve(),
    () => resolve(),
  )
  await promise
  timer.cancel()
}
