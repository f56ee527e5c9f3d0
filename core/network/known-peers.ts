/**
 * The peers that this one knows addresses of, best first: from the configuration, the peerstore file, `--bootstrap`, and
 * from what peers tell of themselves when they connect (`spec/wire.md` §1.8).
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { PeerIdText } from '../pin/pin.ts'
import { withoutPeer } from './announced-addresses.ts'
import { PeerAddressError } from './errors.ts'

export interface KnownPeer {
  id: PeerIdText
  /** Each ends in `/p2p/<id>`. */
  addresses: string[]
}

/** Peers that are remembered, and addresses of one. */
const maxPeers = 10_000
const maxAddresses = 32

/** Of peers in the configuration; those of the peerstore file follow with 1, 2, 3… */
const configuredPriority = 0
/** Of peers that nobody named. */
const learntPriority = 5_000
/** After a dial that failed (`spec/wire.md` §1.5). */
const failedPriority = 9_999

interface Entry {
  /** The address that the last dial reached. */
  proven: string | undefined
  /** Kept whatever the peer says of itself. */
  given: Set<string>
  told: Set<string>
  priority: number
  /** The last dial failed. */
  failed: boolean
}

export class KnownPeers {
  readonly #self: PeerIdText
  readonly #entries = new Map<PeerIdText, Entry>()

  constructor(self: PeerIdText) {
    this.#self = self
  }

  /** Adds the addresses of the configuration or of `--bootstrap`. Returns the peers. Throws `PeerAddressError`. */
  configure(addresses: readonly string[], key: string): PeerIdText[] {
    return addresses.map((text) => {
      const { id, address } = parsePeerAddress(text, key)
      this.#give(id, address, configuredPriority)
      return id
    })
  }

  /** Adds the lines of the peerstore file, best first. Returns those that are no addresses of peers. */
  restore(lines: readonly string[]): string[] {
    const unread: string[] = []
    for (const [index, line] of lines.entries()) {
      try {
        const { id, address } = parsePeerAddress(line, 'peerstore')
        this.#give(id, address, index + 1)
      } catch (error) {
        if (!(error instanceof PeerAddressError)) throw error
        unread.push(line)
      }
    }
    return unread
  }

  /** Takes what a peer says of itself in place of what it said before. */
  learn(id: PeerIdText, addresses: readonly string[]): void {
    if (id === this.#self || (addresses.length === 0 && !this.#entries.has(id))) return
    const entry = this.#entry(id, learntPriority)
    entry.told = new Set(
      addresses.slice(0, maxAddresses).map((address) => `${withoutP2p(address)}/p2p/${id}`),
    )
  }

  /** A dial reached the peer by this address. */
  reached(id: PeerIdText, address: string): void {
    const entry = this.#entry(id, learntPriority)
    entry.failed = false
    entry.proven = `${withoutP2p(address)}/p2p/${id}`
  }

  /** A dial reached the peer by none of its addresses. */
  failed(id: PeerIdText): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.failed = true
  }

  /** In the order in which they are to be tried. */
  addressesOf(id: PeerIdText): string[] {
    const entry = this.#entries.get(id)
    if (entry === undefined) return []
    return [
      ...new Set([...(entry.proven === undefined ? [] : [entry.proven]), ...entry.given, ...entry.told]),
    ]
  }

  /** Best first. Peers of one priority are in the order in which they became known. */
  all(): KnownPeer[] {
    const peers = [...this.#entries].sort(([, a], [, b]) => priorityOf(a) - priorityOf(b))
    return peers.flatMap(([id]) => {
      const addresses = this.addressesOf(id)
      return addresses.length === 0 ? [] : { id, addresses }
    })
  }

  /** What the peerstore file is to have: of a peer with DNS addresses only those. */
  lines(): string[] {
    return this.all().flatMap(({ addresses }) => {
      const names = addresses.filter((address) => /^\/dns/.test(address))
      return names.length > 0 ? names : addresses
    })
  }

  #give(id: PeerIdText, address: string, priority: number): void {
    if (id === this.#self) return
    const entry = this.#entry(id, priority)
    entry.priority = Math.min(entry.priority, priority)
    if (entry.given.size < maxAddresses) entry.given.add(address)
  }

  #entry(id: PeerIdText, priority: number): Entry {
    const known = this.#entries.get(id)
    if (known !== undefined) return known
    if (this.#entries.size >= maxPeers) this.#forgetOne()
    const entry: Entry = { proven: undefined, given: new Set(), told: new Set(), priority, failed: false }
    this.#entries.set(id, entry)
    return entry
  }

  /** The oldest of those that nobody named, or else the oldest. */
  #forgetOne(): void {
    const learnt = this.#entries.entries().find(([, { given }]) => given.size === 0)
    const [id] = learnt ?? this.#entries.entries().next().value ?? []
    if (id !== undefined) this.#entries.delete(id)
  }
}

function priorityOf({ priority, failed }: Entry): number {
  return failed ? failedPriority : priority
}

/** Reads a multiaddr that ends in `/p2p/<id>`. Throws `PeerAddressError`; `key` names where it comes from. */
export function parsePeerAddress(text: string, key: string): { id: PeerIdText; address: string } {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (cause) {
    throw new PeerAddressError(text, key, 'is no multiaddr', { cause })
  }
  const last = address.getComponents().at(-1)
  const id = last?.code === CODE_P2P ? readPeerId(last.value) : undefined
  if (id === undefined || address.getComponents().length < 2) {
    throw new PeerAddressError(text, key, 'does not end in /p2p/<peer ID>')
  }
  return { id, address: address.toString() }
}

function readPeerId(text = ''): PeerIdText | undefined {
  try {
    return peerIdFromString(text).toString()
  } catch {
    return undefined
  }
}

function withoutP2p(address: string): string {
  return withoutPeer(multiaddr(address))
}
