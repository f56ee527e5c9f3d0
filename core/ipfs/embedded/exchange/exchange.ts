/**
 * Gets blocks that are not here. A session, one for each DAG, learns which peers have it and asks one of them at a time,
 * so that a block comes once. When they do not have a block, or there are none yet, all connected peers are asked; while
 * that takes long, providers are searched for and connected to, and gateways are asked.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { CID } from 'multiformats/cid'
import type { Bitswap } from '../../../network/bitswap.ts'
import { pause } from '../../../runtime/pause.ts'
import type { Runtime, Timer } from '../../../runtime/ports.ts'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import type { BlockSession, BlockSource } from '../block-source.ts'
import { BlockNotHereError } from '../errors.ts'
import { Broadcasts } from './broadcasts.ts'
import type { ProviderReports, ProviderSearch } from './provider-search.ts'
import { SearchOutcome } from './search-outcome.ts'
import { SharedTask } from './shared-task.ts'
import type { TrustlessGateways } from './trustless-gateways.ts'

export interface Fetched {
  bytes: Uint8Array
  /** Peer ID or URL. */
  from: string
}

export interface ExchangeInit {
  bitswap: Bitswap
  /** Connects to the origin of a pin, at one of its addresses. */
  connect(addresses: readonly string[], signal: AbortSignal): Promise<PeerId>
  /** Nodes that are connected. */
  peers(): readonly PeerId[]
  /** In the public network. Without both, only connected nodes and origins can have a block. */
  search: Pick<ProviderSearch, 'search'> | undefined
  gateways: Pick<TrustlessGateways, 'fetch'> | undefined
  runtime: Runtime
}

/** Origins of a pin that are connected to. */
const maxOrigins = 10
/** ms between two looks at whether an origin is connected. */
const originInterval = 5_000
/** ms that the origins of a pin have to answer before providers are searched for. */
const originsFirst = 3_000
/** ms from the start on in which a node that nobody is connected to waits for somebody: peers are just finding each other. */
const startGrace = 5_000
/** ms between two looks at whether somebody is connected by then. */
const startInterval = 200
/** ms from when all connected nodes have said that they lack a block to the error, where nobody else can have it. */
const lackAfter = 10_000
/**
 * A peer that has given nothing for this long, ms and times its usual delay, is not waited for any longer; nor is one
 * that gives other blocks and not this one for the last.
 */
const leastPatience = 1_000
const patienceFactor = 8
const mostPatience = 30_000
/** Peers of the session that are asked before all are. */
const maxAsked = 3
/** A peer is left out of its session after this many silences in a row. */
const maxSilences = 3
const maxSessionPeers = 50
/** ms that a block may take before providers are searched for, and between two searches of a session. */
const searchAfter = 1_000
const searchInterval = 20_000
/** ms that a block may take before gateways are asked, and between two rounds. */
const gatewaysAfter = 5_000
const gatewaysInterval = 20_000

export class Exchange implements BlockSource {
  readonly #init: ExchangeInit
  readonly #broadcasts: Broadcasts
  /** On the monotonic clock, ms. */
  readonly #startedAt: number

  constructor(init: ExchangeInit) {
    this.#init = init
    this.#startedAt = init.runtime.clock.monotonic()
    this.#broadcasts = new Broadcasts(init.bitswap, init.runtime.scheduler)
  }

  session(origins: readonly string[]): BlockSession {
    return new Session(this.#init, this.#broadcasts, this.#startedAt + startGrace, origins)
  }
}

class Session implements BlockSession {
  readonly #init: ExchangeInit
  readonly #broadcasts: Broadcasts
  /** By multihash: a block that is linked to often is fetched once. */
  readonly #underWay = new Map<string, SharedTask<Fetched>>()
  readonly #peers = new Map<string, SessionPeer>()
  readonly #close = new AbortController()
  /** Blocks that no peer of the session gave. */
  readonly #missing = new Set<CID>()
  readonly #outcome = new SearchOutcome()
  /** Until then a node without connections waits for some. */
  readonly #graceEnd: number
  /** Each origin was dialled once. */
  readonly #originsTried: Promise<unknown>
  #searching: Promise<void> | undefined
  #gatewaysGave = false

  constructor(init: ExchangeInit, broadcasts: Broadcasts, graceEnd: number, origins: readonly string[]) {
    this.#init = init
    this.#broadcasts = broadcasts
    this.#graceEnd = graceEnd
    this.#originsTried = Promise.all(
      originsByPeer(origins.slice(0, maxOrigins)).map((origin) => {
        const tried = this.#dialOrigin(origin)
        void this.#stayWith(origin, tried)
        return tried
      }),
    )
  }

  outcome(): string {
    return this.#outcome.describe(this.#init.peers().length)
  }

  fetch(cid: CID, signal: AbortSignal): Promise<Fetched> {
    const key = Buffer.from(cid.multihash.bytes).toString('latin1')
    let shared = this.#underWay.get(key)
    if (shared === undefined) {
      const begin = (end: AbortSignal) => this.#fetch(cid, end)
      shared = new SharedTask(begin, () => this.#underWay.delete(key))
      this.#underWay.set(key, shared)
    }
    return shared.join(signal)
  }

  [Symbol.dispose](): void {
    this.#close.abort(new Error('the fetch has ended'))
  }

  async #fetch(cid: CID, signal: AbortSignal): Promise<Fetched> {
    const lacking = new Set<string>()
    return (await this.#askPeers(cid, lacking, signal)) ?? (await this.#askAll(cid, lacking, signal))
  }

  /** Undefined when none of the session's peers gave the block in time. Those that say that they lack it go into `lacking`. */
  async #askPeers(cid: CID, lacking: Set<string>, signal: AbortSignal): Promise<Fetched | undefined> {
    const asked = new Set<SessionPeer>()
    while (asked.size < maxAsked) {
      const peer = this.#best(asked)
      if (peer === undefined) return undefined
      asked.add(peer)
      const bytes = await this.#ask(peer, cid, lacking, signal)
      if (bytes !== undefined) return { bytes, from: peer.id.toString() }
    }
    return undefined
  }

  /** Undefined when the peer does not have the block, or gives nothing at all for too long. */
  async #ask(
    peer: SessionPeer,
    cid: CID,
    lacking: Set<string>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { bitswap, runtime } = this.#init
    using abort = new LinkedAbort(signal)
    let silent = false
    const began = runtime.clock.monotonic()
    const watch = (delay: number): Timer =>
      runtime.scheduler.after(delay, () => {
        const now = runtime.clock.monotonic()
        const left = Math.min(Math.max(began, peer.lastGave) + peer.patience, began + mostPatience) - now
        if (left > 0) timer = watch(left)
        else {
          silent = true
          abort.abort(new Error('the peer gives nothing'))
        }
      })
    let timer = watch(peer.patience)
    peer.inFlight++
    try {
      const bytes = await bitswap.fetchFrom(peer.id, cid, abort.signal)
      peer.gave(runtime.clock.monotonic(), began)
      return bytes
    } catch {
      signal.throwIfAborted()
      if (!silent) {
        peer.lacked()
        lacking.add(peer.id.toString())
      } else if (peer.wasSilent(began) >= maxSilences) this.#peers.delete(peer.id.toString())
      return undefined
    } finally {
      timer.cancel()
      peer.inFlight--
    }
  }

  /** Connects to an origin again when the connection is lost, as long as blocks are missing. */
  async #stayWith(origin: readonly string[], tried: Promise<void>): Promise<void> {
    const { runtime } = this.#init
    const { signal } = this.#close
    await tried
    for (;;) {
      await pause(runtime.scheduler, originInterval, signal)
      if (signal.aborted) return
      if (this.#missing.size > 0 || this.#peers.size === 0) await this.#dialOrigin(origin)
    }
  }

  async #dialOrigin(addresses: readonly string[]): Promise<void> {
    const { connect, runtime } = this.#init
    const origin = addresses.join(' ')
    const { signal } = this.#close
    try {
      this.#found(await connect(addresses, signal))
      this.#outcome.originConnected(origin)
    } catch (error) {
      if (signal.aborted) return
      this.#outcome.originLost(origin, error)
      runtime.logger.debug('an origin cannot be reached', { origin, error: String(error) })
    }
  }

  /** Waits until somebody has the block. Rejects with `BlockNotHereError` when nobody can. */
  async #askAll(cid: CID, lacking: ReadonlySet<string>, signal: AbortSignal): Promise<Fetched> {
    await this.#findSomebody(cid, signal)
    using abort = new LinkedAbort(signal)
    try {
      this.#missing.add(cid)
      this.#searching ??= this.#searchWhileMissing()
      const waysThere = [this.#askGateways(cid, abort.signal)]
      if (this.#isConfined) {
        const answer = this.#askEach(cid, lacking, abort.signal)
        // A node says only once that it lacks a block: not in answer to the broadcast, where it would not be heard.
        const early = await Promise.race([
          answer,
          pause(this.#init.runtime.scheduler, leastPatience, abort.signal),
        ])
        if (early !== undefined) return early
        waysThere.push(this.#failIfLacked(cid, answer, abort.signal))
      }
      waysThere.push(this.#broadcast(cid, abort.signal))
      return await Promise.race(waysThere)
    } finally {
      this.#missing.delete(cid)
      abort.abort(new Error('the block has come'))
    }
  }

  async #broadcast(cid: CID, signal: AbortSignal): Promise<Fetched> {
    const { bytes, from } = await this.#broadcasts.fetch(cid, signal)
    if (from !== undefined) this.#found(peerIdFromString(from))
    return { bytes, from: from ?? 'a peer' }
  }

  /** Only connected nodes and origins can have a block. */
  get #isConfined(): boolean {
    return this.#init.search === undefined && this.#init.gateways === undefined
  }

  /** Waiting is of no use where nobody is connected and nobody may be searched for. */
  async #findSomebody(cid: CID, signal: AbortSignal): Promise<void> {
    const { peers, runtime } = this.#init
    if (!this.#isConfined || peers().length > 0) return
    await this.#originsTried
    while (peers().length === 0) {
      signal.throwIfAborted()
      if (runtime.clock.monotonic() >= this.#graceEnd) throw this.#notHere(cid)
      await pause(runtime.scheduler, startInterval, signal)
    }
  }

  /** Undefined when all of the connected nodes that are not among `lacking` say that they lack the block. */
  async #askEach(cid: CID, lacking: ReadonlySet<string>, signal: AbortSignal): Promise<Fetched | undefined> {
    const { bitswap, peers } = this.#init
    const asked = peers().filter((peer) => !lacking.has(peer.toString()))
    const answers = asked.map(async (peer) => ({ peer, bytes: await bitswap.fetchFrom(peer, cid, signal) }))
    const answer = await Promise.any(answers).catch(() => undefined)
    if (answer === undefined) return undefined
    this.#found(answer.peer)
    return { bytes: answer.bytes, from: answer.peer.toString() }
  }

  /**
   * Rejects some time after all connected nodes have said that they lack the block: what they fetch themselves may come in
   * a moment. Nodes that connect meanwhile were not asked, so that it goes on then.
   */
  async #failIfLacked(cid: CID, answer: Promise<Fetched | undefined>, signal: AbortSignal): Promise<Fetched> {
    const { peers, runtime } = this.#init
    const before = new Set(peers().map(String))
    const fetched = await answer
    if (fetched !== undefined) return fetched
    await pause(runtime.scheduler, lackAfter, signal)
    if (!signal.aborted && peers().every((peer) => before.has(peer.toString()))) throw this.#notHere(cid)
    return new Promise(() => undefined)
  }

  #notHere(cid: CID): BlockNotHereError {
    const connected = this.#init.peers().length
    const problem = connected === 0 ? 'there is nobody to ask for it' : 'all connected nodes lack it'
    return new BlockNotHereError(
      cid,
      `and ${problem} (${this.outcome()}): give origins, or start a peer that has it`,
    )
  }

  /** One search at a time for a session: who has one block of a DAG mostly has the others. */
  async #searchWhileMissing(): Promise<void> {
    const { search, runtime } = this.#init
    const { signal } = this.#close
    await this.#giveOriginsTime()
    for (let wait = searchAfter; search !== undefined; wait = searchInterval) {
      await pause(runtime.scheduler, wait, signal)
      const [cid] = this.#missing
      if (cid === undefined || signal.aborted) break
      await search.search(cid, this.#providerReports, signal).catch(() => undefined)
      this.#outcome.searched()
    }
    this.#searching = undefined
  }

  async #giveOriginsTime(): Promise<void> {
    using wait = new LinkedAbort(this.#close.signal)
    await Promise.race([this.#originsTried, pause(this.#init.runtime.scheduler, originsFirst, wait.signal)])
    wait.abort(new Error('the origins were tried'))
  }

  readonly #providerReports: ProviderReports = {
    found: (peer) => this.#outcome.providerFound(peer.toString()),
    connected: (peer) => {
      this.#outcome.providerConnected(peer.toString())
      this.#found(peer)
    },
    unreachable: (peer, error) => this.#outcome.providerLost(peer.toString(), error),
  }

  /** Settles only with a block. */
  async #askGateways(cid: CID, signal: AbortSignal): Promise<Fetched> {
    const { gateways, runtime } = this.#init
    for (let wait = this.#gatewaysGave ? 0 : gatewaysAfter; gateways !== undefined; wait = gatewaysInterval) {
      await pause(runtime.scheduler, wait, signal)
      if (signal.aborted) break
      const fetched = await gateways.fetch(cid, signal).catch(() => undefined)
      this.#gatewaysGave = fetched !== undefined
      if (fetched !== undefined) return fetched
    }
    return new Promise(() => undefined)
  }

  #found(peer: PeerId): void {
    const key = peer.toString()
    if (!this.#peers.has(key) && this.#peers.size < maxSessionPeers)
      this.#peers.set(key, new SessionPeer(peer))
  }

  #best(asked: ReadonlySet<SessionPeer>): SessionPeer | undefined {
    let best: SessionPeer | undefined
    for (const peer of this.#peers.values()) {
      if (!asked.has(peer) && (best === undefined || peer.cost < best.cost)) best = peer
    }
    return best
  }
}

/**
 * The addresses of each peer: dialled one by one, an address that cannot be used makes the library reject a dial of the
 * others that began meanwhile.
 */
function originsByPeer(addresses: readonly string[]): string[][] {
  const idOf = (address: string) => /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? address
  return [...Map.groupBy(addresses, idOf).values()]
}

class SessionPeer {
  readonly id: PeerId
  inFlight = 0
  /** On the monotonic clock, ms. */
  lastGave = 0
  /** Usual ms from asking to having, as an exponentially weighted mean. */
  #delay = 100
  #silences = 0
  #lastSilence = 0
  /** From 0, it always has what it is asked for, to 1, never. */
  #lacks = 0

  constructor(id: PeerId) {
    this.id = id
  }

  get patience(): number {
    return Math.max(leastPatience, this.#delay * patienceFactor)
  }

  /** Lower is better. */
  get cost(): number {
    return this.#delay * (1 + this.inFlight) * (1 + 10 * this.#lacks)
  }

  gave(now: number, began: number): void {
    this.#delay += (now - began - this.#delay) / 8
    this.#lacks *= 0.9
    this.#silences = 0
    this.lastGave = now
  }

  lacked(): void {
    this.#lacks += (1 - this.#lacks) * 0.1
    this.#silences = 0
  }

  /** All that was asked before the last silence ended belongs to that silence. Returns how many there were. */
  wasSilent(began: number): number {
    if (began >= this.#lastSilence) {
      this.#silences++
      this.#delay *= 2
      this.#lastSilence = began + this.patience
    }
    return this.#silences
  }
}
