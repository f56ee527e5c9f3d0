/**
 * Watches how far each connection comes before it can be used, and tells a wrong cluster secret from other failures. Nothing
 * on the wire says so: with another secret on the other side, bytes come and none of them can be read. So a connection that
 * brought bytes and ended before the first encryption handshake began was not readable; one that brought none says nothing
 * about a secret, as something in between may have taken the connection.
 */
import type { ConnectionEncrypter, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { PeerIdText } from '../pin/pin.ts'

/** An inbound connection that brought bytes and ended before it could be used. */
export interface BrokenOpening {
  address: string
  /** Known once it has proven who it is. */
  peer: PeerIdText | undefined
  /** `unreadable`: most likely another secret. */
  kind: 'cut off' | 'unreadable' | 'not encrypted' | 'not multiplexed'
}

type Stage = 'begun' | 'readable' | 'encrypted'

interface Opening {
  stage: Stage
  bytes: number
  peer: PeerIdText | undefined
}

/** Connections that are being opened. */
const maxWatched = 4_096

/** The first line of a peer without a private network; the nonce of one in it is longer. */
const answerBytes = 20

type EncrypterFactory = (components: never) => ConnectionEncrypter

/** As much of a connection as is watched. */
interface Incoming {
  readonly readBufferLength: number
  onData(data: { byteLength: number }): void
}

export class OpeningWatch {
  /** By address of the other side. */
  readonly #openings = new Map<string, Opening>()
  readonly #onBroken: (broken: BrokenOpening) => void

  constructor(onBroken: (broken: BrokenOpening) => void) {
    this.#onBroken = onBroken
  }

  /** True when the last connection to this address brought an answer and nothing of it could be read. */
  wasUnreadable(address: string): boolean {
    const opening = this.#openings.get(address)
    return opening !== undefined && kindOf(opening) === 'unreadable'
  }

  /** What a host is to have as its gater. */
  readonly gater: ConnectionGater = {
    denyOutboundConnection: (_peer, connection) => {
      this.#begin(connection)
      return false
    },
    denyInboundConnection: (connection) => {
      this.#watchInbound(connection)
      return false
    },
    denyInboundEncryptedConnection: (peer, { remoteAddr }) => {
      this.#encrypted(remoteAddr.toString(), peer)
      return false
    },
    denyInboundUpgradedConnection: (_peer, { remoteAddr }) => {
      this.#openings.delete(remoteAddr.toString())
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
          this.#readable(connection)
          return secureInbound.call(encrypter, connection, options)
        },
        secureOutbound: (connection, options) => {
          this.#readable(connection)
          return secureOutbound.call(encrypter, connection, options)
        },
      }
      return Object.assign(encrypter, watched)
    })
  }

  #watchInbound(connection: MultiaddrConnection): void {
    const address = connection.remoteAddr.toString()
    this.#begin(connection)
    connection.addEventListener(
      'close',
      () => {
        const opening = this.#openings.get(address)
        if (opening === undefined) return
        this.#openings.delete(address)
        const kind = kindOf(opening)
        if (kind !== undefined) this.#onBroken({ address, peer: opening.peer, kind })
      },
      { once: true },
    )
  }

  #begin(connection: MultiaddrConnection): void {
    const incoming = connection as unknown as Incoming
    const opening: Opening = { stage: 'begun', bytes: incoming.readBufferLength, peer: undefined }
    const { onData } = incoming
    incoming.onData = (data) => {
      opening.bytes += data.byteLength
      if (opening.bytes >= answerBytes) incoming.onData = onData
      onData.call(incoming, data)
    }
    const [oldest] = this.#openings.keys()
    if (oldest !== undefined && this.#openings.size >= maxWatched) this.#openings.delete(oldest)
    this.#openings.set(connection.remoteAddr.toString(), opening)
  }

  #readable(connection: object): void {
    const opening = this.#openings.get(String((connection as Partial<MultiaddrConnection>).remoteAddr))
    if (opening !== undefined) opening.stage = 'readable'
  }

  #encrypted(address: string, peer: PeerId): void {
    const opening = this.#openings.get(address)
    if (opening !== undefined) Object.assign(opening, { stage: 'encrypted', peer: peer.toString() })
  }
}

/** Undefined for a connection on which nothing came at all, as from a probe of the port. */
function kindOf({ stage, bytes }: Opening): BrokenOpening['kind'] | undefined {
  if (stage === 'encrypted') return 'not multiplexed'
  if (stage === 'readable') return 'not encrypted'
  if (bytes >= answerBytes) return 'unreadable'
  return bytes > 0 ? 'cut off' : undefined
}
