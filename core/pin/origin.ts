/** Origins: multiaddrs, each naming a peer, of nodes that have the content of a pin. */
import { multiaddr } from '@multiformats/multiaddr'
import { messageOf } from '../error-text.ts'
import { InvalidMultiaddrError } from './errors.ts'
import { MAX_MULTIADDR_TEXT } from './limits.ts'

const P2P = 421

/** Normalises the text of an origin. Throws `InvalidMultiaddrError` with the original's texts (`spec/rest-api.md` §7.5). */
export function parseOrigin(text: string): string {
  const address = decode(text)
  if (!address.getComponents().some((part) => part.code === P2P)) {
    throw new InvalidMultiaddrError('multiaddress does not contain peer ID: protocol not found in multiaddr')
  }
  return address.toString()
}

/** Normalises a multiaddr that need not name a peer, as stored pins may hold. Throws `InvalidMultiaddrError`. */
export function parseMultiaddr(text: string): string {
  return decode(text).toString()
}

/** The binary multiaddr of an origin. Throws `InvalidMultiaddrError`. */
export function originBytes(text: string): Uint8Array {
  return decode(text).bytes
}

function decode(text: string) {
  if (text.length > MAX_MULTIADDR_TEXT) {
    throw new InvalidMultiaddrError(
      `error decoding multiaddress: ${text.length} characters, at most ${MAX_MULTIADDR_TEXT} are allowed`,
    )
  }
  try {
    return multiaddr(text)
  } catch (cause) {
    const why = messageOf(cause)
    throw new InvalidMultiaddrError(`error decoding multiaddress: ${JSON.stringify(text)}: ${why}`, { cause })
  }
}
