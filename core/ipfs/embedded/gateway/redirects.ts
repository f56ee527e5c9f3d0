/** Requests that lead elsewhere, or nowhere, whatever the content is. */
import { peerIdFromString } from '@libp2p/peer-id'
import { base36 } from 'multiformats/bases/base36'
import type { Answer } from './answer.ts'
import { GatewayError } from './errors.ts'

/** Undefined when the request is to be answered with content. Throws `GatewayError`. */
export function redirectOf(url: URL, headers: Headers): Answer | undefined {
  refuseServiceWorker(url, headers)
  return fromProtocolHandler(url) ?? canonicalName(url) ?? doubledNamespace(url)
}

/** `status`: 301 for good, 302 for now. */
export function redirect(status: 301 | 302, location: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { ...headers, location }, body: undefined }
}

/** One of a single CID would see, and could change, what the browser opens of all others. */
function refuseServiceWorker({ pathname }: URL, headers: Headers): void {
  if (headers.get('service-worker')?.toLowerCase() !== 'script') return
  if (/^\/ip[fn]s\/[^/]+$/.test(pathname)) {
    throw new GatewayError(
      400,
      'a service worker may not be registered for all of /ipfs/ or /ipns/: give its file a path below the CID',
    )
  }
}

/** `/ipfs/?uri=ipfs://<cid>/<path>`, as browsers ask with a gateway as their handler of `ipfs://`. */
function fromProtocolHandler({ searchParams }: URL): Answer | undefined {
  const text = searchParams.get('uri')
  if (text === null || text === '') return undefined
  const match = /^(ipfs|ipns):\/\/([^/?#]+)([^#]*)/.exec(text)
  if (match === null) throw new GatewayError(400, 'uri must begin with ipfs://<cid> or ipns://<name>')
  const [, namespace, root, rest] = match as unknown as [string, string, string, string]
  // Read by the parser of URLs, so that nothing in it can leave the gateway or add a header.
  const { pathname, search } = new URL(`/${namespace}/${encodeURIComponent(root)}${rest}`, 'http://gateway')
  return redirect(301, pathname + search)
}

/** Keys of names in the one spelling that is also fit for the name of a host. */
function canonicalName({ pathname, search }: URL): Answer | undefined {
  const [, namespace, name, ...rest] = pathname.split('/')
  if (namespace !== 'ipns' || name === undefined) return undefined
  const canonical = keyInBase36(name)
  if (canonical === undefined || canonical === name) return undefined
  return redirect(302, ['/ipns', canonical, ...rest].join('/') + search)
}

function keyInBase36(name: string): string | undefined {
  try {
    return peerIdFromString(name).toCID().toString(base36)
  } catch {
    return undefined
  }
}

/** `/ipfs/ipfs/<cid>` and `/ipfs/ipns/<name>`. */
function doubledNamespace({ pathname, search }: URL): Answer | undefined {
  if (!/^\/ipfs\/ip[fn]s\/./.test(pathname)) return undefined
  return redirect(301, pathname.slice('/ipfs'.length) + search)
}
