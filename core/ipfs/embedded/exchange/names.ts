/**
 * What names stand for (`/ipns/<name>`): domains by DNSLink (https://dnslink.dev/), keys by the newest valid record that the
 * DHT or an HTTP router has.
 */
import { Resolver } from 'node:dns/promises'
import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import type { MultihashDigest } from 'multiformats/hashes/interface'
import type { Runtime, Scheduler } from '../../../runtime/ports.ts'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { NameError } from '../errors.ts'
import { readBody } from './bounded-body.ts'
import { maxRecordSize, openRecord, routingKey } from './ipns-record.ts'
import { requestOutside } from './outside-request.ts'
import type { WebService } from './outside-service.ts'

export interface FoundName {
  /** The path that it stands for. */
  path: string
  /** s that this holds; undefined when nothing says so. */
  ttl: number | undefined
  /** The signed record of a key, checked; a domain has none. */
  record: Uint8Array | undefined
}

export interface NamesInit {
  dht: KadDHT
  routers: readonly WebService[]
  runtime: Runtime
}

/** ms for one name. */
const timeout = 60_000
const libp2pKey = 0x72

export class Names {
  readonly #init: NamesInit

  constructor(init: NamesInit) {
    this.#init = init
  }

  /** What the name stands for. Rejects with `NameError`. */
  async find(name: string, signal: AbortSignal): Promise<FoundName> {
    const key = keyOf(name)
    if (key === undefined && !name.includes('.')) {
      throw new NameError(`${JSON.stringify(name.slice(0, 120))} is neither an IPNS key nor a domain`)
    }
    using abort = new LinkedAbort(signal)
    const timer = setTimeout(() => abort.abort(new NameError(`${name} was not found in time`)), timeout)
    try {
      return key === undefined
        ? { path: await dnslink(name, abort.signal), ttl: undefined, record: undefined }
        : await this.#find(name, key, abort.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async #find(name: string, key: MultihashDigest, signal: AbortSignal): Promise<FoundName> {
    using abort = new LinkedAbort(signal)
    const { dht, routers, runtime } = this.#init
    const sources = [
      fromDht(dht, key, abort.signal),
      ...routers.map((router) => fromRouter(router, key, runtime.scheduler, abort.signal)),
    ]
    try {
      return await Promise.any(
        sources.map(async (source) => {
          const record = await source
          const now = runtime.clock.now()
          const { value, validUntil, ttl } = await openRecord(key, record, now)
          // Nobody keeps what it stands for longer than the record is valid.
          const left = Math.max(0, Math.floor((validUntil - now) / 1_000))
          return { path: value, ttl: ttl === undefined ? undefined : Math.min(ttl, left), record }
        }),
      )
    } catch (error) {
      signal.throwIfAborted()
      const causes =
        error instanceof AggregateError ? error.errors.map((each) => each.message) : [String(error)]
      throw new NameError(`no valid record of ${name} was found (${[...new Set(causes)].join('; ')})`, {
        cause: error,
      })
    } finally {
      abort.abort(new Error('the name is resolved'))
    }
  }
}

async function fromDht(dht: KadDHT, key: MultihashDigest, signal: AbortSignal): Promise<Uint8Array> {
  for await (const event of dht.get(routingKey(key), { signal })) {
    if (event.name === 'VALUE') return event.value
  }
  throw new NameError('the DHT has none')
}

async function fromRouter(
  router: WebService,
  key: MultihashDigest,
  scheduler: Scheduler,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using attempt = router.begin()
  if (attempt === undefined) throw new NameError(`${router.name} failed lately and is not asked`)
  const name = CID.createV1(libp2pKey, key).toString(base36)
  let response: Response
  try {
    const url = new URL(`/routing/v1/ipns/${name}`, router.url)
    response = await requestOutside({ url, accept: 'application/vnd.ipfs.ipns-record', signal, scheduler })
  } catch (error) {
    if (!signal.aborted) attempt.failed(error)
    throw error
  }
  // Some routers know providers and no names: that they have none is no failure.
  if (!response.ok) {
    await response.body?.cancel()
    throw new NameError(`${router.name} answered ${response.status}`)
  }
  return readBody(response, maxRecordSize)
}

async function dnslink(domain: string, signal: AbortSignal): Promise<string> {
  const resolver = new Resolver()
  const stop = () => resolver.cancel()
  signal.addEventListener('abort', stop)
  try {
    for (const host of [`_dnslink.${domain}`, domain]) {
      const texts = await resolver.resolveTxt(host).catch(() => [])
      signal.throwIfAborted()
      const link = texts.map((parts) => parts.join('')).find((text) => text.startsWith('dnslink=/'))
      if (link !== undefined) return link.slice('dnslink='.length)
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
  throw new NameError(
    `${domain} has no DNSLink: no TXT record dnslink=/ipfs/… of it or of _dnslink.${domain}`,
  )
}

/** Of a peer ID or a CID of a key; undefined for other texts. */
function keyOf(name: string): MultihashDigest | undefined {
  try {
    return peerIdFromString(name).toMultihash()
  } catch {
    return undefined
  }
}
