/** Content for tests: uploads through a peer's API, and what a peer says about it. */
import type { GlobalPinObject } from '../../../core/client/shapes.ts'
import type { PinOptions } from '../../../core/pin/pin.ts'
import type { ClusterPeer } from './cluster-peer.ts'

/** `size` bytes that no other call gives. */
export function newBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  // The system gives at most this many at a time.
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** Adds a file through the API of a peer. Gives its CID. */
export async function addFile(
  peer: ClusterPeer,
  content: Uint8Array,
  pin: Partial<PinOptions> = {},
): Promise<string> {
  const uploads = (async function* () {
    yield { kind: 'file' as const, path: pin.name || 'file', content: bytesOf(content) }
  })()
  const added = await Array.fromAsync(peer.client.add(uploads, { pin, parameters: { 'raw-leaves': true } }))
  const root = added.at(-1)?.cid
  if (!root) throw new Error(`${peer.name} added nothing: ${JSON.stringify(added)}`)
  return root
}

/** What a peer says that each of the cluster's peers has made of a pin: name of the peer → status. */
export async function statuses(asked: ClusterPeer, cid: string): Promise<Record<string, string>> {
  return statusesOf(await asked.client.status(cid))
}

export function statusesOf({ peer_map }: GlobalPinObject): Record<string, string> {
  return Object.fromEntries(
    Object.values(peer_map ?? {})
      .map(({ peername, status }): [string, string] => [peername, status])
      .sort(),
  )
}

async function* bytesOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content
}
