/** Waits until peers have done what was asked (`spec/cli.md §2`, `--wait`). */
import type { ClusterClient } from './cluster-client.ts'
import { WaitError, WaitTimeoutError } from './errors.ts'
import type { GlobalPinObject, PeerPinObject } from './shapes.ts'

export interface WaitOptions {
  target: 'pinned' | 'unpinned'
  /** Peers that are enough; 0 or less, or more than are concerned = all that are concerned. */
  limit: number
  /** Milliseconds, 0 = any time. */
  timeout: number
  /** Milliseconds between two looks, once the first few quick ones were in vain; one second when absent. */
  interval?: number
  signal?: AbortSignal
  onStatus?(status: GlobalPinObject, done: number, wanted: number): void
  /** Called once for each peer that failed while the others are still enough. */
  onFailure?(failure: string): void
}

/** Milliseconds before the first look; each wait is twice as long as the one before. */
const firstInterval = 50

/**
 * The status once it is reached. Rejects with `WaitError` when so many peers failed that the others are not enough, with
 * `WaitTimeoutError`, or with `ApiError`.
 */
export async function waitForStatus(
  client: Pick<ClusterClient, 'status'>,
  cid: string,
  options: WaitOptions,
): Promise<GlobalPinObject> {
  const timeout = options.timeout > 0 ? AbortSignal.timeout(options.timeout) : undefined
  const signals = [timeout, options.signal].filter((signal) => signal !== undefined)
  const signal = AbortSignal.any(signals)
  const longest = options.interval ?? 1000
  const told = new Set<string>()
  try {
    for (let interval = firstInterval; ; interval *= 2) {
      await pause(Math.min(interval, longest), signal)
      const status = await client.status(cid, { signal })
      const { done, wanted, possible, failed } = count(status, options)
      options.onStatus?.(status, done, wanted)
      if (possible < wanted) {
        const failures = failed.map(([id, peer]) => describe(id, peer)).join('; ')
        throw new WaitError(
          `error has occurred while attempting to reach status: ${options.target} (${failures})`,
        )
      }
      for (const [id, peer] of failed) {
        if (!told.has(id)) options.onFailure?.(describe(id, peer))
        told.add(id)
      }
      // A pin of which nobody knows yet has nobody who could be missing.
      if (done >= wanted && (wanted > 0 || options.target === 'unpinned')) return status
    }
  } catch (error) {
    if (timeout?.aborted && !options.signal?.aborted) throw new WaitTimeoutError()
    throw error
  }
}

const failures = ['undefined', 'cluster_error', 'pin_error', 'unpin_error']

type Peers = [id: string, peer: PeerPinObject][]

/** How many peers are there, how many can still come, and how many are wanted. */
function count(
  status: GlobalPinObject,
  { target, limit }: WaitOptions,
): { done: number; wanted: number; possible: number; failed: Peers } {
  const peers: Peers = Object.entries(status.peer_map ?? {})
  const concerned = peers.filter(([, peer]) => target === 'unpinned' || peer.status !== 'remote')
  const failed = concerned.filter(([, peer]) => failures.includes(peer.status))
  const done = concerned.filter(([, peer]) => peer.status === target).length
  return {
    done,
    wanted: limit > 0 ? Math.min(limit, concerned.length) : concerned.length,
    possible: concerned.length - failed.length,
    failed,
  }
}

function describe(id: string, peer: PeerPinObject): string {
  const name = peer.peername === '' ? id : peer.peername
  return peer.error === '' ? `${name}: ${peer.status}` : `${name}: ${peer.status}: ${peer.error}`
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal.addEventListener('abort', abort, { once: true })
  })
}
