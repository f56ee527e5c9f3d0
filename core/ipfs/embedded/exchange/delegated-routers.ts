/**
 * Finds providers over HTTP: `GET <router>/routing/v1/providers/<cid>` (https://specs.ipfs.tech/routing/http-routing-v1/).
 * Answers are lines of JSON, or one JSON object.
 */
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { bodyLines, readBody } from './bounded-body.ts'

/** Bytes of one answer, records of it, addresses of a record, at most. */
const maxAnswer = 1024 * 1024
const maxRecords = 100
const maxAddresses = 32
/** ms for one answer. */
const timeout = 30_000

/** Rejects when the router cannot be reached or gives no sound answer. */
export async function* findProvidersAt(
  router: string,
  cid: CID,
  signal: AbortSignal,
): AsyncGenerator<PeerInfo> {
  const response = await fetch(new URL(`/routing/v1/providers/${cid}`, router), {
    headers: { accept: 'application/x-ndjson, application/json;q=0.9' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
  })
  if (response.status === 404) return
  if (!response.ok) throw new Error(`${router} answered ${response.status}`)
  let left = maxRecords
  for await (const record of recordsOf(response)) {
    if (left-- === 0) return
    const provider = readRecord(record)
    if (provider !== undefined) yield provider
  }
}

async function* recordsOf(response: Response): AsyncGenerator<unknown> {
  if (response.headers.get('content-type')?.includes('ndjson')) {
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
