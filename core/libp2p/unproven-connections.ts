/**
 * The room for inbound connections that have not proven who they are. It costs nothing to open a socket and to say nothing,
 * so such sockets must not keep peers out: when the room is full, the oldest goes that has sent nothing. A peer sends its
 * first bytes as soon as it is connected.
 */
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import { CODE_IP4, CODE_IP6 } from '@multiformats/multiaddr'

export interface UnprovenLimits {
  /** Of all addresses together. */
  pending: number
  /** Of one IPv4 address, or of one IPv6 network (/64). Peers of this machine share one, so it does not hold for them. */
  pendingPerAddress: number
}

export const defaultUnprovenLimits: UnprovenLimits = { pending: 64, pendingPerAddress: 8 }

interface Unproven {
  readonly connection: MultiaddrConnection
  readonly network: string
  isSilent: boolean
}

/** As much of a connection as is watched. */
interface Incoming {
  readonly readBufferLength: number
  onData(data: { byteLength: number }): void
}

export class UnprovenConnections {
  readonly #limits: UnprovenLimits
  /** The oldest first. */
  readonly #unproven = new Map<MultiaddrConnection, Unproven>()

  constructor(limits: UnprovenLimits = defaultUnprovenLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#unproven.size
  }

  /** What a host is to have as its gater; `inner` decides after this. */
  gater(inner: ConnectionGater = {}): ConnectionGater {
    return {
      ...inner,
      denyInboundConnection: async (connection) => {
        // First, so that both may watch what comes.
        if ((await inner.denyInboundConnection?.(connection)) === true) return true
        return !this.#admit(connection)
      },
      denyInboundUpgradedConnection: async (peer, connection) => {
        this.#unproven.delete(connection)
        return (await inner.denyInboundUpgradedConnection?.(peer, connection)) === true
      },
    }
  }

  #admit(connection: MultiaddrConnection): boolean {
    const { pending, pendingPerAddress } = this.#limits
    const network = networkOf(connection)
    const neighbours = [...this.#unproven.values()].filter((each) => each.network === network)
    if (network !== ownMachine && neighbours.length >= pendingPerAddress && !this.#closeSilent(neighbours))
      return false
    if (this.#unproven.size >= pending && !this.#closeSilent(this.#unproven.values())) return false
    const incoming = connection as unknown as Incoming
    const unproven: Unproven = { connection, network, isSilent: incoming.readBufferLength === 0 }
    if (unproven.isSilent) {
      const { onData } = incoming
      incoming.onData = (data) => {
        unproven.isSilent = false
        incoming.onData = onData
        onData.call(incoming, data)
      }
    }
    this.#unproven.set(connection, unproven)
    connection.addEventListener('close', () => void this.#unproven.delete(connection), { once: true })
    return true
  }

  /** False when all have sent something. */
  #closeSilent(among: Iterable<Unproven>): boolean {
    for (const { connection, isSilent } of among) {
      if (!isSilent) continue
      this.#unproven.delete(connection)
      connection.abort(new Error('it sent nothing, and others wait for its place'))
      return true
    }
    return false
  }
}

const ownMachine = 'loopback'

function networkOf({ remoteAddr }: MultiaddrConnection): string {
  const components = remoteAddr.getComponents()
  const address = components.find(({ code }) => code === CODE_IP4)?.value
  if (address !== undefined) return address.startsWith('127.') ? ownMachine : address
  const address6 = components.find(({ code }) => code === CODE_IP6)?.value ?? ''
  return address6 === '::1' ? ownMachine : first64(address6)
}

/** The first four groups of an IPv6 address. */
function first64(address: string): string {
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
