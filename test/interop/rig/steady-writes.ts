/** Clients that write new pins to a peer, one after the other, until they are stopped. */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { ClusterPeer } from './cluster-peer.ts'

export interface SteadyWritesInit {
  /** Clients that write at the same time. */
  clients: number
  /** ms that each waits after a reply. */
  pause: number
}

export class SteadyWrites implements AsyncDisposable {
  /** CIDs of the accepted writes, in order. */
  readonly accepted: string[] = []
  /** What came instead of an acceptance. */
  readonly refused: string[] = []
  readonly #peer: ClusterPeer
  readonly #pause: number
  readonly #clients: Promise<void>[]
  #stopped = false

  constructor(peer: ClusterPeer, { clients, pause }: SteadyWritesInit) {
    this.#peer = peer
    this.#pause = pause
    this.#clients = Array.from({ length: clients }, () => this.#write())
  }

  /** Resolves when the write of each client has its reply. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #write(): Promise<void> {
    const { restUrl } = this.#peer
    while (!this.#stopped) {
      const cid = inlineCid(crypto.randomUUID())
      try {
        const response = await fetch(`${restUrl}/pins/${cid}`, { method: 'POST' })
        const text = await response.text()
        if (response.ok) this.accepted.push(cid)
        else this.refused.push(`${response.status} ${text}`)
      } catch (error) {
        this.refused.push(String(error))
      }
      await Bun.sleep(this.#pause)
    }
  }
}

/** A CID that carries its content: every IPFS node has it. */
export function inlineCid(content: string): string {
  return CID.createV1(0x55, createDigest(0x00, new TextEncoder().encode(content))).toString()
}
