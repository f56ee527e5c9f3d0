/**
 * Finds providers over HTTP: `GET <router>/routing/v1/providers/<cid>` (https://specs.ipfs.tech/routing/http-routing-v1/).
 * Answers are lines of JSON, or one JSON object.
 */
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { Deadline } from '../../../runtime/deadline.ts'
import type { Scheduler } from '../../../runtime/ports.ts'
import { bodyLines, readBody } from './bounded-body.ts'
import { pauseAskedFor, requestOutside } from './outside-request.ts'
import type { WebService } from './outside-service.ts'

/** Bytes of one answer, records of it, addresses of a record, at most. */
const maxAnswer = 1024 * 1024
const maxRecords = 100
const maxAddresses = 32
/** ms for one answer. */
const timeout = 30_000

/** Gives nothing when the router rests. Rejects when it cannot be reached or gives no sound answer. */
export async function* findProvidersAt(
  router: WebService,
  cid: CID,
  scheduler: Scheduler,
  signal: AbortSignal,
): AsyncGenerator<PeerInfo> {
  using attempt = router.begin()
  if (attempt === undefined) return
  using deadline = new Deadline(scheduler, timeout, { signal })
  let pause = 0
  let gave = false
  try {
    const response = await requestOutside({
      url: new URL(`/routing/v1/providers/${cid}`, router.url),
      accept: 'application/x-ndjson, application/json;q=0.9',
      signal: deadline.signal,
      scheduler,
    })
    if (response.status === 404) {
      await response.body?.cancel()
      attempt.worked()
      return
    }
    pause = pauseAskedFor(response)
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`it answered ${response.status}`)
    }
    let left = maxRecords
    for await (const record of recordsOf(response)) {
      if (left-- === 0) break
      const provider = readRecord(record)
      attempt.worked()
      gave = true
      if (provider !== undefined) yield provider
    }
    attempt.worked()
  } catch (error) {
    // Its time may have run out because the caller was slow to take what it gave.
    if (!signal.aborted && !gave) attempt.failed(error, pause)
    throw error
  }
}

async function* recordsOf(response: Response): AsyncGenerator<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (!type.includes('json')) {
    await response.body?.cancel()
    throw new Error(`it answered with ${JSON.stringify(type.slice(0, 80))}, which is no list of providers`)
  }
  if (type.includes('ndjson')) {
    for await (const line of bodyLines(response, maxAnswer)) {
      if (line.trim() !== '') yield JSON.parse(line)
    }
    return
  }
  const answer = JSON.parse(new TextDecoder().decode(await readBody(response, maxAnswer)))
  if (Array.isArray(answer?.Providers)) yield* answer.Providers
}

/** Undefined for records of other kinds and for those that make no sense. */
function readRecord(record: unknown): PeerInfo | undefined {
  const { ID, Addrs } = (record ?? {}) as { ID?: unknown; Addrs?: unknown }
  if (typeof ID !== 'string') return undefined
  const id = peerIdOf(ID)
  if (id === undefined) return undefined
  const texts: unknown[] = Array.isArray(Addrs) ? Addrs.slice(0, maxAddresses) : []
  return { id, multiaddrs: texts.flatMap((text) => addressOf(text) ?? []) }
}

function peerIdOf(text: string): PeerId | undefined {
  try {
    return peerIdFromString(text)
  } catch {
    return undefined
  }
}

function addressOf(text: unknown): Multiaddr | undefined {
  try {
    return typeof text === 'string' ? multiaddr(text) : undefined
  } catch {
    return undefined
  }
}
