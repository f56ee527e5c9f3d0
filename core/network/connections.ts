/**
 * Keeps this peer connected: to a few known peers at start, to more of them as time goes on, again to those it lost, and to
 * no more than it should (`spec/wire.md` §1.5, §1.8).
 */
import type { Connection, NewStreamOptions, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { messageOf } from '../error-text.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import { type Dialler, dialFirst } from './dialling.ts'
import { PeerUnreachableError, SecretMismatchError } from './errors.ts'
import type { ClusterHost } from './host.ts'
import type { KnownPeers } from './known-peers.ts'
import { locate } from './lookup.ts'
import type { OpeningWatch } from './opening-watch.ts'

export interface ConnectionSettings {
  /** Connections that are looked for, and above which the least useful are closed. */
  lowWater: number
  highWater: number
  /** Milliseconds for which a new connection is left alone. */
  gracePeriod: number
  /** Milliseconds to reach a peer by one address. */
  dialTimeout: number
}

export interface ConnectionsInit {
  host: ClusterHost
  known: KnownPeers
  settings: ConnectionSettings
  openingWatch: OpeningWatch
  /** Of the own secret; undefined without one. */
  fingerprint: string | undefined
  /** Peers of the configuration: their connections are not closed, and one is made when none is there. */
  configured: () => readonly PeerIdText[]
  runtime: Runtime
}

/** Peers that are connected to at start, and those that are tried for that. */
const startPeers = 3
const startCandidates = 32
/** Milliseconds between two rounds of connecting to known peers. */
const roundInterval = 30_000
/** Milliseconds between two looks whether a peer of the configuration is connected. */
const configuredInterval = 300_000
/** Milliseconds between two looks at the number of connections and at the streams of pubsub. */
const tidyInterval = 10_000
/** A lost peer is dialled again after this many milliseconds, ±50 %, twice as long each time, this many times. */
const reconnectDelay = 1_000
const reconnects = 5
/** Peers that are dialled at a time. */
const parallelDials = 8
/** Peers that others told of and that were tried. */
const maxMet = 10_000
/** Addresses of one peer that are tried in one dial. */
const dialledAddresses = 3

export class Connections implements AsyncDisposable {
  readonly #init: ConnectionsInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #timers = new Map<string, Timer>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #met = new Set<PeerIdText>()
  readonly #dials = new Map<PeerIdText, Promise<Connection>>()

  constructor(init: ConnectionsInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
  }

  /** Begins to connect; the host must be started. */
  start(): void {
    const { host } = this.#init
    host.addEventListener('connection:open', this.#onOpen)
    host.addEventListener('peer:identify', this.#onIdentify)
    host.addEventListener('peer:discovery', this.#onDiscovery)
    host.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#background(this.#connectFirst())
    this.#every('round', roundInterval, () => this.#connectMore())
    this.#every('configured', configuredInterval, () => this.#connectConfigured())
    this.#every('tidy', tidyInterval, async () => {
      this.#closeSurplus()
      this.#closeMute()
    })
  }

  /** Connected peers, each once. */
  peers(): PeerIdText[] {
    return this.#init.host.getPeers().map((peer) => peer.toString())
  }

  /**
   * The connection to a peer, made if there is none. Rejects with `PeerUnreachableError` or `SecretMismatchError` within
   * `dialTimeout`, and with the signal's reason.
   */
  async connect(peer: PeerIdText, signal?: AbortSignal): Promise<Connection> {
    const id = peerIdFromString(peer)
    const open = this.#openConnection(id)
    if (open !== undefined) return open
    const dial = this.#dials.get(peer) ?? this.#dial(id, peer)
    return await (signal === undefined ? dial : raceSignal(dial, signal))
  }

  /** A stream to a peer; rejects as `connect`, and with the library's errors when the peer does not speak the protocol. */
  async openStream(peer: PeerIdText, protocol: string, options: NewStreamOptions): Promise<Stream> {
    const connection = await this.connect(peer, options.signal)
    try {
      return await connection.newStream(protocol, options)
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ConnectionClosedError') throw error
      // The multiplexing has ended, and the library goes on taking the connection for an open one.
      connection.abort(error)
      return await (await this.connect(peer, options.signal)).newStream(protocol, options)
    }
  }

  /** Connects to a peer that others tell of, once, if there is room. */
  meet(peer: PeerIdText): void {
    if (this.#met.has(peer) || this.peers().length >= this.#init.settings.lowWater) return
    if (this.#met.size >= maxMet) this.#met.clear()
    this.#met.add(peer)
    if (!this.#closing.signal.aborted) this.#background(this.#tryToConnect(peer))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { host } = this.#init
    this.#closing.abort(new Error('the peer is stopping'))
    for (const timer of this.#timers.values()) timer.cancel()
    host.removeEventListener('connection:open', this.#onOpen)
    host.removeEventListener('peer:identify', this.#onIdentify)
    host.removeEventListener('peer:discovery', this.#onDiscovery)
    host.removeEventListener('peer:disconnect', this.#onDisconnect)
    await Promise.all(this.#running)
  }

  /** One for all who want the same peer at a time. */
  #dial(id: PeerId, peer: PeerIdText): Promise<Connection> {
    const dial = this.#dialOnce(id, peer).finally(() => this.#dials.delete(peer))
    this.#dials.set(peer, dial)
    // Nobody may be waiting for it any more.
    dial.catch(() => undefined)
    return dial
  }

  async #dialOnce(id: PeerId, peer: PeerIdText): Promise<Connection> {
    const { host, known, settings, openingWatch, fingerprint, runtime } = this.#init
    const timeout = AbortSignal.timeout(settings.dialTimeout)
    const signal = AbortSignal.any([timeout, this.#closing.signal])
    let addresses: string[] = []
    try {
      await locate(id, { host, known, scheduler: runtime.scheduler }, signal)
      const open = this.#openConnection(id)
      if (open !== undefined) return open
      addresses = known.addressesOf(peer).slice(0, dialledAddresses)
      return await dialFirst(host as unknown as Dialler, addresses, runtime.scheduler, signal)
    } catch (cause) {
      this.#closing.signal.throwIfAborted()
      known.failed(peer)
      if (addresses.some((address) => openingWatch.wasUnreadable(address)))
        throw new SecretMismatchError(peer, fingerprint, { cause })
      throw new PeerUnreachableError(peer, whyUnreachable(cause, timeout, addresses), { cause })
    }
  }

  #openConnection(id: PeerId): Connection | undefined {
    return this.#init.host.getConnections(id).find(({ status }) => status === 'open')
  }

  async #connectFirst(): Promise<void> {
    const candidates = this.#init.known.all().slice(0, startCandidates)
    const workers = Array.from({ length: startPeers }, async () => {
      for (let next = candidates.shift(); next !== undefined; next = candidates.shift()) {
        if (this.peers().length >= startPeers || (await this.#tryToConnect(next.id))) return
      }
    })
    await Promise.all(workers)
  }

  /** Connects to known peers in random order until there are `lowWater`. */
  async #connectMore(): Promise<void> {
    const { host, known, settings, runtime } = this.#init
    const missing = () => settings.lowWater - host.getConnections().length
    if (missing() <= 0) return
    const connected = new Set(this.peers())
    const candidates = known.all().filter(({ id }) => !connected.has(id))
    const workers = Array.from({ length: parallelDials }, async () => {
      while (candidates.length > 0 && missing() > 0 && !this.#closing.signal.aborted) {
        const [next] = candidates.splice(Math.floor(runtime.random.float() * candidates.length), 1)
        await this.#tryToConnect(next!.id)
      }
    })
    await Promise.all(workers)
  }

  async #connectConfigured(): Promise<void> {
    const configured = this.#init.configured()
    const connected = new Set(this.peers())
    if (configured.length === 0 || configured.some((peer) => connected.has(peer))) return
    await this.#tryToConnect(configured[Math.floor(this.#init.runtime.random.float() * configured.length)]!)
  }

  async #tryToConnect(peer: PeerIdText): Promise<boolean> {
    try {
      await this.connect(peer)
      return true
    } catch (error) {
      if (this.#closing.signal.aborted) return false
      const level = error instanceof SecretMismatchError ? 'warn' : 'debug'
      this.#logger[level]('a known peer is not connected', { peer, error: messageOf(error) })
      return false
    }
  }

  #reconnectSoon(peer: PeerIdText, attempt: number): void {
    const { known, settings, runtime } = this.#init
    if (attempt > reconnects || known.addressesOf(peer).length === 0) return
    const delay = reconnectDelay * 2 ** (attempt - 1) * (0.5 + runtime.random.float())
    this.#after(`reconnect ${peer}`, delay, async () => {
      if (this.peers().length >= settings.lowWater) return
      if (!(await this.#tryToConnect(peer))) this.#reconnectSoon(peer, attempt + 1)
    })
  }

  /** Above `highWater`, closes young connections down to `lowWater`; those of configured peers stay. */
  #closeSurplus(): void {
    const { host, settings, runtime } = this.#init
    const connections = host.getConnections()
    if (connections.length <= settings.highWater) return
    const kept = new Set(this.#init.configured())
    const now = runtime.clock.now()
    const isOld = (open: number) => open < now - settings.gracePeriod || open > now
    const surplus = connections
      .filter(({ remotePeer, timeline }) => !kept.has(remotePeer.toString()) && isOld(timeline.open))
      .sort((a, b) => b.timeline.open - a.timeline.open)
      .slice(0, connections.length - settings.lowWater)
    this.#logger.info('closing connections above the high water mark', { connections: surplus.length })
    for (const connection of surplus) this.#background(connection.close().catch(() => undefined))
  }

  /**
   * Closes connections on which this peer's pubsub stream has ended though the connection has not: the library opens no
   * other, so that nothing would be published to that peer any more.
   */
  #closeMute(): void {
    const { host, runtime } = this.#init
    const { peers, streamsOutbound } = host.services.pubsub as unknown as PubsubStreams
    const now = runtime.clock.now()
    const isYoung = (open: number) => open > now - tidyInterval && open <= now
    for (const [text, peer] of peers) {
      const connections = host.getConnections(peer)
      if (streamsOutbound.has(text) || connections.some(({ timeline }) => isYoung(timeline.open))) continue
      this.#logger.debug('a connection without pubsub is closed', { peer: text })
      this.#background(host.hangUp(peer).catch(() => undefined))
    }
  }

  readonly #onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    if (connection.direction !== 'outbound') return
    this.#init.known.reached(connection.remotePeer.toString(), connection.remoteAddr.toString())
  }

  readonly #onIdentify = ({ detail }: CustomEvent<{ peerId: PeerId; listenAddrs: object[] }>): void => {
    this.#init.known.learn(detail.peerId.toString(), detail.listenAddrs.map(String))
  }

  /** A peer that mDNS found, or that another component told of. */
  readonly #onDiscovery = ({ detail }: CustomEvent<{ id: PeerId; multiaddrs: object[] }>): void => {
    const peer = detail.id.toString()
    if (detail.multiaddrs.length === 0 || this.#init.known.addressesOf(peer).length > 0) return
    this.#init.known.learn(peer, detail.multiaddrs.map(String))
    if (this.peers().length < this.#init.settings.lowWater) this.#background(this.#tryToConnect(peer))
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    this.#reconnectSoon(peer.toString(), 1)
  }

  #every(name: string, ms: number, run: () => Promise<void>): void {
    this.#after(name, ms, async () => {
      try {
        await run()
      } finally {
        this.#every(name, ms, run)
      }
    })
  }

  #after(name: string, ms: number, run: () => Promise<void>): void {
    if (this.#closing.signal.aborted) return
    this.#timers.get(name)?.cancel()
    const timer = this.#init.runtime.scheduler.after(ms, () => {
      if (this.#timers.get(name) === timer) this.#timers.delete(name)
      this.#background(run())
    })
    this.#timers.set(name, timer)
  }

  #background(work: Promise<unknown>): void {
    const run = work
      .catch((error: unknown) => this.#logger.error('connecting broke off', { error: messageOf(error) }))
      .finally(() => this.#running.delete(run))
    this.#running.add(run)
  }
}

/** As much as is looked at of the library's router. */
interface PubsubStreams {
  peers: ReadonlyMap<string, PeerId>
  streamsOutbound: ReadonlyMap<string, unknown>
}

/** Rejects with the signal's reason when that comes first. */
async function raceSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function whyUnreachable(cause: unknown, timeout: AbortSignal, addresses: readonly string[]): string {
  if (addresses.length === 0) return 'no address of it is known, and no peer that was asked knows one'
  if (timeout.aborted) return `no answer in time at ${addresses.join(', ')}`
  const causes = cause instanceof AggregateError ? cause.errors : [cause]
  return causes.map((error, index) => `${addresses[index] ?? 'it'}: ${messageOf(error)}`).join('; ')
}
