/**
 * Where a host keeps what it knows of peers: in memory, as the library does by itself, and with a bound. The library keeps
 * each peer that it ever met, and the public network names thousands of new ones a day.
 */
import { MemoryDatastore } from 'datastore-core/memory'

/** Peers that are kept; of more, those go that were not looked at for longest. */
const maxPeers = 10_000

type Key = Parameters<MemoryDatastore['put']>[0]

export class BoundedDatastore extends MemoryDatastore {
  readonly #maxPeers: number
  /** The one that was not looked at for longest comes first. */
  readonly #peers = new Map<string, Key>()

  constructor(most = maxPeers) {
    super()
    this.#maxPeers = most
  }

  override put(...[key, value, options]: Parameters<MemoryDatastore['put']>): Key {
    super.put(key, value, options)
    this.#touch(key)
    for (const oldest of this.#peers.values()) {
      if (this.#peers.size <= this.#maxPeers) break
      this.delete(oldest)
    }
    return key
  }

  override get(...[key, options]: Parameters<MemoryDatastore['get']>): Uint8Array {
    const value = super.get(key, options) as Uint8Array
    this.#touch(key)
    return value
  }

  override delete(...[key, options]: Parameters<MemoryDatastore['delete']>): void {
    super.delete(key, options)
    this.#peers.delete(key.toString())
  }

  #touch(key: Key): void {
    const name = key.toString()
    if (!name.startsWith('/peers/')) return
    this.#peers.delete(name)
    this.#peers.set(name, key)
  }
}
