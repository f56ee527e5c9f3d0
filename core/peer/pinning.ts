/**
 * The one way of every pin and unpin into the pinset: REST, adding, and whatever comes later end here
 * (`spec/behaviour.md` §1.2–1.8).
 */
import { decode as decodeCbor } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { parseCid } from '../pin/cid-text.ts'
import { encodePin } from '../pin/codec.ts'
import { PinNotFoundError } from '../pin/errors.ts'
import { isPinEverywhere, type PeerIdText, type Pin, type PinOptions, type UnixNano } from '../pin/pin.ts'
import {
  checkUnpin,
  isUpdate,
  preparePin,
  type ReplicationDefaults,
  replicationFactors,
  requestedPin,
  updatedPin,
} from '../pin/validation.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Clock, Scheduler } from '../runtime/ports.ts'
import type { PinsetChange, Store } from '../runtime/store.ts'
import { FollowerError, PathTimeoutError } from './errors.ts'

export interface PinningInit {
  store: Pick<Store, 'pin' | 'storedPin' | 'write' | 'mayBeWithdrawn'>
  ipfs: Pick<Ipfs, 'getBlock' | 'resolve'>
  /** The peers that are to hold `pin`, which `current` hold now. Throws `NotEnoughPeersError`. */
  allocate: (pin: PinOptions, current: readonly PeerIdText[]) => PeerIdText[]
  /** Told of copies that were given out. */
  gave: (peers: readonly PeerIdText[]) => void
  /** Called when a pin that is there already is asked for again unchanged: a failed try is then made at once. */
  retry: (cid: CID) => void
  defaults: ReplicationDefaults
  isFollower: boolean
  clock: Clock
  scheduler: Scheduler
}

/** ms that the blocks of a path may take, as in ipfs-cluster (Go). */
const fetchTimeout = 5 * 60_000

export class Pinning {
  readonly #init: PinningInit

  constructor(init: PinningInit) {
    this.#init = init
  }

  /** What `pin` would store. Rejects as `pin` does. */
  plan(cid: CID, options: PinOptions): Pin {
    if (this.#init.isFollower) throw new FollowerError()
    const { store } = this.#init
    const existing = store.pin(cid)
    if (!isUpdate(cid, options)) return this.#prepared(existing, requestedPin(cid, options))
    const source = options.pinUpdate === undefined ? undefined : store.pin(options.pinUpdate)
    if (source === undefined) throw new PinNotFoundError()
    const updated = updatedPin(existing, source, cid, options, this.#now())
    // The peers that hold the source fetch least; those of them that are gone are replaced.
    return { ...updated, allocations: this.#allocations(updated, source.allocations) }
  }

  /** The options with the configured factors where the request has none. */
  withDefaults(options: PinOptions): PinOptions {
    return { ...options, ...replicationFactors(options, this.#init.defaults) }
  }

  async pin(cid: CID, options: PinOptions): Promise<Pin> {
    return this.#write(this.plan(cid, options))
  }

  /** Pins the root of what was just added; `holders` have its blocks already. */
  async pinAdded(cid: CID, options: PinOptions, holders: PeerIdText[]): Promise<Pin> {
    if (this.#init.isFollower) throw new FollowerError()
    return this.#write(
      this.#prepared(this.#init.store.pin(cid), { ...requestedPin(cid, options), allocations: holders }),
    )
  }

  /** Rejects with `PathTimeoutError` when the path cannot be resolved in time. */
  async pinPath(path: string, options: PinOptions, signal?: AbortSignal): Promise<Pin> {
    return this.pin(await this.#resolve(path, signal), options)
  }

  async planPath(path: string, options: PinOptions, signal?: AbortSignal): Promise<Pin> {
    return this.plan(await this.#resolve(path, signal), options)
  }

  /** Returns the pin as it was. */
  async unpin(cid: CID, signal?: AbortSignal): Promise<Pin> {
    if (this.#init.isFollower) throw new FollowerError()
    const { store } = this.#init
    const pin = store.pin(cid)
    if (pin === undefined) throw new PinNotFoundError()
    checkUnpin(pin)
    const parts = pin.type === 'meta' ? (await this.partsOf(pin, signal)).map((part) => part.cid) : []
    await store.write([...parts, cid].map((each): PinsetChange => ({ kind: 'unpin', cid: each })))
    return pin
  }

  async unpinPath(path: string, signal?: AbortSignal): Promise<Pin> {
    return this.unpin(await this.#resolve(path, signal), signal)
  }

  async #write(pin: Pin): Promise<Pin> {
    const { store } = this.#init
    const existing = store.pin(pin.cid)
    if (existing !== undefined && this.#isStored(existing, pin)) {
      this.#init.retry(pin.cid)
      return { ...pin, timestamp: existing.timestamp ?? 0n }
    }
    this.#init.gave(pin.allocations.filter((peer) => !existing?.allocations.includes(peer)))
    await store.write([{ kind: 'pin', pin }])
    return pin
  }

  /** A pin that only waits for its commit does not count: it may fail yet, and this request is answered now. */
  #isStored(existing: Pin, pin: Pin): boolean {
    const { store } = this.#init
    const stored = store.storedPin(pin.cid)
    return (
      stored !== undefined &&
      saysTheSame(existing, pin) &&
      saysTheSame(stored, pin) &&
      !store.mayBeWithdrawn(pin.cid)
    )
  }

  #prepared(existing: Pin | undefined, requested: Pin): Pin {
    const pin = preparePin(existing, requested, this.#init.defaults, this.#now())
    if (pin.allocations.length > 0) return pin
    return { ...pin, allocations: this.#allocations(pin, existing?.allocations ?? []) }
  }

  #allocations(pin: Pin, current: readonly PeerIdText[]): PeerIdText[] {
    return pin.type === 'meta' || isPinEverywhere(pin) ? [] : this.#init.allocate(pin, current)
  }

  /** The pins of the shards of sharded content and of its cluster DAG, which go with its root. */
  async partsOf(meta: Pin, signal?: AbortSignal): Promise<Pin[]> {
    if (meta.reference === undefined) return []
    using deadline = this.#deadline(`the cluster DAG ${meta.reference}`, signal)
    const bytes = await this.#init.ipfs.getBlock(meta.reference, { signal: deadline.signal })
    const links = Object.values(decodeCbor<Record<string, unknown>>(bytes)).map((link) => CID.asCID(link))
    const pins = links.map((cid) => (cid === null ? undefined : this.#init.store.pin(cid)))
    return [...pins.filter((pin) => pin?.type === 'shard'), this.#init.store.pin(meta.reference)].filter(
      (pin) => pin !== undefined,
    )
  }

  async #resolve(path: string, signal: AbortSignal | undefined): Promise<CID> {
    const [, namespace, name, ...rest] = path.split('/')
    if (namespace === 'ipfs' && name !== undefined && rest.length === 0) return parseCid(name)
    using deadline = this.#deadline(path, signal)
    return await this.#init.ipfs.resolve(path, { signal: deadline.signal })
  }

  /** A block that nobody has would be waited for until the client goes, and clients may never go. */
  #deadline(what: string, signal: AbortSignal | undefined): Deadline {
    const late = () => new PathTimeoutError(what, fetchTimeout)
    return new Deadline(this.#init.scheduler, fetchTimeout, { signal, late })
  }

  #now(): UnixNano {
    return BigInt(this.#init.clock.now()) * 1_000_000n
  }
}

/** True when writing `pin` would change nothing but the time (`spec/behaviour.md` §11 no. 9). */
function saysTheSame(stored: Pin, pin: Pin): boolean {
  const { timestamp: _, ...rest } = pin
  const written = encodePin(stored.timestamp === undefined ? rest : { ...rest, timestamp: stored.timestamp })
  return Buffer.from(encodePin(stored)).equals(written)
}
