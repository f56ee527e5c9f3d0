/** The members of the cluster: who they are by their pings, and what each says of itself when asked. */

import { messageOf } from '../error-text.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import { identityFromWire } from '../network/rpc/conversion.ts'
import { RpcError } from '../network/rpc/errors.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { PeerIdentity } from '../pin/pin-info.ts'
import type { MemberNames } from './answers.ts'
import type { CallLimits, PeerCalls } from './peer-calls.ts'

/** Milliseconds that one member may take to say who it is. */
export const identityTimeout = 15_000

export interface MembersInit {
  self: PeerIdText
  window: MetricWindow
  calls: PeerCalls
  /** This peer and the others that are alive. */
  alive: () => PeerIdText[]
  identity: () => Promise<PeerIdentity>
  /** Told of a peer that has answered who it is; what follows waits for the end. */
  met: (peer: PeerIdText) => Promise<void>
}

export class Members {
  readonly #init: MembersInit

  constructor(init: MembersInit) {
    this.#init = init
  }

  others(): PeerIdText[] {
    return this.#init.alive().filter((peer) => peer !== this.#init.self)
  }

  /** From the newest ping of a peer, also an old one. */
  namesOf(peer: PeerIdText): MemberNames {
    const value = parsed(this.#init.window.latest('ping', peer)?.value)
    return {
      peerName: textOf(value.peer_name),
      ipfsId: textOf(value.ipfs_id),
      ipfsAddresses: Array.isArray(value.ipfs_addresses) ? value.ipfs_addresses.filter(isText) : [],
    }
  }

  async identityOf(peer: PeerIdText, signal?: AbortSignal): Promise<PeerIdentity> {
    const limits: CallLimits = { timeout: identityTimeout, ...(signal && { signal }) }
    return identityFromWire(await this.#init.calls.call(peer, rpc.id, {}, limits))
  }

  /** Asks a peer who it is, and counts this one among those that it knows from now on (`spec/wire.md` §1.8). */
  async add(peer: PeerIdText, signal?: AbortSignal): Promise<PeerIdentity> {
    const { self, identity, met } = this.#init
    if (peer === self) return identity()
    const added = await this.identityOf(peer, signal)
    await met(peer)
    if (added.clusterPeers.includes(self)) return added
    return { ...added, clusterPeers: [...added.clusterPeers, self] }
  }

  /** This peer first, then the others as they answer; one that fails has an error and nothing else. */
  async *identities(signal?: AbortSignal): AsyncGenerator<PeerIdentity> {
    yield await this.#init.identity()
    const waiting = new Map(this.others().map((peer) => [peer, this.#answer(peer, signal)]))
    while (waiting.size > 0) {
      const { peer, identity } = await Promise.race(waiting.values())
      waiting.delete(peer)
      signal?.throwIfAborted()
      if (identity !== undefined) yield identity
    }
  }

  async #answer(
    peer: PeerIdText,
    signal?: AbortSignal,
  ): Promise<{ peer: PeerIdText; identity?: PeerIdentity }> {
    try {
      return { peer, identity: await this.identityOf(peer, signal) }
    } catch (error) {
      if (error instanceof RpcError && error.kind === 'authorization') return { peer }
      return { peer, identity: silent(peer, messageOf(error)) }
    }
  }
}

function silent(id: PeerIdText, error: string): PeerIdentity {
  return {
    id,
    addresses: [],
    clusterPeers: [],
    clusterPeersAddresses: [],
    version: '',
    commit: '',
    rpcProtocolVersion: '',
    error,
    ipfs: { id: '', addresses: [], error: '' },
    peerName: '',
  }
}

function parsed(text: string | undefined): Record<string, unknown> {
  if (text === undefined || text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // Another peer wrote it; a ping counts all the same.
    return {}
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const textOf = (value: unknown): string => (isText(value) ? value : '')
