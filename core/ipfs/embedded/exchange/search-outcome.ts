/** What came of looking for blocks of one DAG elsewhere, so that an error can say why one has not come. */
import { messageOf } from '../../../error-text.ts'

/** Providers that are told apart; further ones are not counted. */
const maxProviders = 1_000
/** Characters of the cause of a failed dial. */
const maxCause = 200

type Fate = 'dialled' | 'connected' | 'not over TCP' | 'unreachable'

export class SearchOutcome {
  /** Why an origin is not connected. */
  readonly #lostOrigins = new Map<string, string>()
  readonly #providers = new Map<string, Fate>()
  #searches = 0

  originConnected(address: string): void {
    this.#lostOrigins.delete(address)
  }

  originLost(address: string, error: unknown): void {
    this.#lostOrigins.set(address, causeOf(error))
  }

  searched(): void {
    this.#searches++
  }

  providerFound(peer: string): void {
    if (!this.#providers.has(peer)) this.#set(peer, 'dialled')
  }

  providerConnected(peer: string): void {
    this.#set(peer, 'connected')
  }

  providerLost(peer: string, error: unknown): void {
    this.#set(peer, hasNoAddress(error) ? 'not over TCP' : 'unreachable')
  }

  /** `connected`: IPFS nodes that are connected now. */
  describe(connected: number): string {
    const parts = [this.#describeOrigins(), this.#describeProviders()]
    parts.push(connected === 0 ? 'no IPFS node is connected' : `${count(connected, 'connected node')} asked`)
    return parts.filter((part) => part !== undefined).join('; ')
  }

  #set(peer: string, fate: Fate): void {
    if (this.#providers.has(peer) || this.#providers.size < maxProviders) this.#providers.set(peer, fate)
  }

  #describeOrigins(): string | undefined {
    const [first] = this.#lostOrigins
    if (first === undefined) return undefined
    const [address, cause] = first
    const others = this.#lostOrigins.size - 1
    return `origin ${address} cannot be reached (${cause})${others > 0 ? `, nor can ${others} more` : ''}`
  }

  #describeProviders(): string | undefined {
    const found = this.#providers.size
    if (found === 0) return this.#searches > 0 ? 'no provider found' : undefined
    const fates = [...this.#providers.values()]
    const number = (fate: Fate) => fates.filter((each) => each === fate).length
    const text = `${count(found, 'provider')} found`
    const reached = number('connected')
    if (reached > 0) return `${text}, ${reached} of them reached`
    const withoutTcp = number('not over TCP')
    if (withoutTcp === found) return `${text}, none reachable over TCP`
    return `${text}, none reached${withoutTcp > 0 ? ` (${withoutTcp} have no address over TCP)` : ''}`
  }
}

/** The library has no transport for any address of the peer: this node has TCP only. */
function hasNoAddress(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoValidAddressesError'
}

function causeOf(error: unknown): string {
  if (hasNoAddress(error)) return 'no address over TCP'
  const text = messageOf(error)
  return text.length > maxCause ? `${text.slice(0, maxCause - 1)}…` : text
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
