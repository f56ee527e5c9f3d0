/**
 * Tells a wrong cluster secret from other failures. Nothing on the wire says so: with another secret on the other side, a
 * connection opens and then carries nothing readable. So each connection is watched from the moment it is open until the
 * first encryption handshake begins; one that ends before that never was readable.
 */
import type { ConnectionEncrypter, ConnectionGater, MultiaddrConnection } from '@libp2p/interface'

/** Addresses of connections that are being opened. */
const maxWatched = 4_096

type EncrypterFactory = (components: never) => ConnectionEncrypter

export class SecretWatch {
  /** By address of the other side: true once it was readable. */
  readonly #readable = new Map<string, boolean>()
  readonly #onUnreadable: (address: string) => void

  /** `onUnreadable` is told of inbound connections. */
  constructor(onUnreadable: (address: string) => void) {
    this.#onUnreadable = onUnreadable
  }

  /** True when the last connection to this address opened and never was readable. */
  wasUnreadable(address: string): boolean {
    return this.#readable.get(address) === false
  }

  /** What a host is to have as its gater. */
  readonly gater: ConnectionGater = {
    denyOutboundConnection: (_peer, connection) => {
      this.#begin(connection.remoteAddr.toString())
      return false
    },
    denyInboundConnection: (connection) => {
      this.#watchInbound(connection)
      return false
    },
  }

  /** The encrypters of a host, watched. */
  encrypters(factories: EncrypterFactory[]): EncrypterFactory[] {
    return factories.map((create) => (components) => {
      const encrypter = create(components)
      const { secureInbound, secureOutbound } = encrypter
      const watched: Pick<ConnectionEncrypter, 'secureInbound' | 'secureOutbound'> = {
        secureInbound: (connection, options) => {
          this.#reached(connection)
          return secureInbound.call(encrypter, connection, options)
        },
        secureOutbound: (connection, options) => {
          this.#reached(connection)
          return secureOutbound.call(encrypter, connection, options)
        },
      }
      return Object.assign(encrypter, watched)
    })
  }

  #watchInbound(connection: MultiaddrConnection): void {
    const address = connection.remoteAddr.toString()
    this.#begin(address)
    connection.addEventListener(
      'close',
      () => {
        if (this.wasUnreadable(address)) this.#onUnreadable(address)
        this.#readable.delete(address)
      },
      { once: true },
    )
  }

  #begin(address: string): void {
    const [oldest] = this.#readable.keys()
    if (oldest !== undefined && this.#readable.size >= maxWatched) this.#readable.delete(oldest)
    this.#readable.set(address, false)
  }

  #reached(connection: object): void {
    const address = (connection as Partial<MultiaddrConnection>).remoteAddr?.toString()
    if (address !== undefined && this.#readable.has(address)) this.#readable.set(address, true)
  }
}
