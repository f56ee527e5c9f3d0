/** Peers that an operator has taken out of the cluster: a file, one peer ID a line, there only when there are any. */
import { readFile, rm } from 'node:fs/promises'
import { writeFileAtomically } from '../config/atomic-file.ts'
import { InvalidPeerIdError } from '../pin/errors.ts'
import { parsePeerId } from '../pin/peer-id.ts'
import type { PeerIdText } from '../pin/pin.ts'
import { TooManyRemovedError } from './errors.ts'

/** Peers that are remembered. */
export const maxRemoved = 10_000

export class RemovedPeers {
  readonly #file: string
  readonly #peers: Set<PeerIdText>
  /** Writes follow one another. */
  #written: Promise<void> = Promise.resolve()

  private constructor(file: string, peers: Iterable<PeerIdText>) {
    this.#file = file
    this.#peers = new Set(peers)
  }

  /** Rejects with `InvalidPeerIdError`, which names the line. */
  static async open(file: string): Promise<RemovedPeers> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const lines = text.split('\n').map((line) => line.trim())
    return new RemovedPeers(
      file,
      lines.flatMap((line, index) => (line === '' ? [] : [peerOf(line, `${file}, line ${index + 1}`)])),
    )
  }

  has(peer: PeerIdText): boolean {
    return this.#peers.has(peer)
  }

  /** Resolves when it is on disk; returns whether it was not there. Rejects with `TooManyRemovedError`. */
  async add(peer: PeerIdText): Promise<boolean> {
    if (this.#peers.has(peer)) return false
    if (this.#peers.size >= maxRemoved) throw new TooManyRemovedError(maxRemoved)
    this.#peers.add(peer)
    await this.#write()
    return true
  }

  /** Likewise; returns whether it was there. */
  async delete(peer: PeerIdText): Promise<boolean> {
    if (!this.#peers.delete(peer)) return false
    await this.#write()
    return true
  }

  #write(): Promise<void> {
    const write = async () => {
      const lines = [...this.#peers].map((peer) => `${peer}\n`)
      if (lines.length === 0) await rm(this.#file, { force: true })
      else await writeFileAtomically(this.#file, lines.join(''), 0o600)
    }
    const written = this.#written.then(write)
    this.#written = written.catch(() => undefined)
    return written
  }
}

function peerOf(line: string, where: string): PeerIdText {
  try {
    return parsePeerId(line)
  } catch (error) {
    if (!(error instanceof InvalidPeerIdError)) throw error
    throw new InvalidPeerIdError(`${where}: ${error.message}; correct or delete the line`)
  }
}
