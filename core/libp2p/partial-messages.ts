/**
 * The room for bytes of bitswap messages that have not all come, of all streams of all peers together. Strangers that each
 * begin a large message and do not end it must not fill the memory, nor keep others from sending theirs: when the room is
 * full, the message goes that has had no byte for longest.
 */
import type { PeerId } from '@libp2p/interface'
import { varintSize } from '../pin/protobuf.ts'

/** Bytes, of all peers together. */
const room = 128 * 1024 * 1024

/** Bytes, of one peer. Kubo sends on up to eight streams at a time, each with a block of up to 2 MiB. */
const roomPerPeer = 20 * 1024 * 1024

/** The messages of one stream. */
export interface PartialMessage {
  /** More bytes are here. False when the stream was ended for it: they are not to be kept. */
  came(bytes: number): boolean
  /** A message of this length, its prefix not counted, is complete. */
  whole(length: number): void
  /** The stream is over. */
  end(): void
}

interface Held {
  readonly peer: string
  bytes: number
  readonly abort: (error: Error) => void
}

export class PartialMessages {
  /** The message that has had no byte for longest comes first. */
  readonly #held = new Set<Held>()
  readonly #byPeer = new Map<string, number>()
  #taken = 0

  /** Bytes of messages that have not all come. */
  get bytes(): number {
    return this.#taken
  }

  open(peer: PeerId, abort: (error: Error) => void): PartialMessage {
    const held: Held = { peer: peer.toString(), bytes: 0, abort }
    let isOver = false
    const end = () => {
      isOver = true
      this.#add(held, -held.bytes)
    }
    return {
      came: (bytes) => {
        if (isOver) return false
        this.#add(held, bytes)
        if ((this.#byPeer.get(held.peer) ?? 0) > roomPerPeer) {
          end()
          abort(new Error(`more than ${roomPerPeer} bytes of messages of one peer wait for their ends`))
          return false
        }
        while (this.#taken > room) this.#evict()
        return !isOver
      },
      whole: (length) => {
        if (!isOver) this.#add(held, -Math.min(held.bytes, length + varintSize(length)))
      },
      end,
    }
  }

  #evict(): void {
    const [oldest] = this.#held
    if (oldest === undefined) return
    this.#add(oldest, -oldest.bytes)
    oldest.abort(new Error(`more than ${room} bytes of messages wait for their ends`))
  }

  #add(held: Held, bytes: number): void {
    held.bytes += bytes
    this.#taken += bytes
    const ofPeer = (this.#byPeer.get(held.peer) ?? 0) + bytes
    if (ofPeer > 0) this.#byPeer.set(held.peer, ofPeer)
    else this.#byPeer.delete(held.peer)
    this.#held.delete(held)
    if (held.bytes > 0) this.#held.add(held)
  }
}
