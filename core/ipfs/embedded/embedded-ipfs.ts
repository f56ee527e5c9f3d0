/**
 * The embedded IPFS node: an `Ipfs` in this process, with its blocks and pins on disk and a libp2p host of its own.
 * `createEmbeddedIpfs` is all that the rest of the peer knows of this folder.
 */
import { CID } from 'multiformats/cid'
import { unheardIpv6 } from '../../libp2p/listening.ts'
import { startBitswap } from '../../network/bitswap.ts'
import { buildInfo } from '../../runtime/build-info.ts'
import type {
  Ipfs,
  IpfsBlock,
  IpfsCallOptions,
  IpfsGcRow,
  IpfsIdentity,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinProof,
  IpfsPinState,
  IpfsRepoStat,
} from '../../runtime/ipfs.ts'
import type { Runtime } from '../../runtime/ports.ts'
import { LinkedAbort } from '../kubo/linked-abort.ts'
import { digestOf } from './blocks/block-hash.ts'
import { BlockReader } from './blocks/block-reader.ts'
import { BlockStore } from './blocks/block-store.ts'
import { asIpfsError, callTo, SourceError } from './call-errors.ts'
import { Collector } from './collector.ts'
import { type EmbeddedConfig, startingNodes } from './config.ts'
import { parsePath, resolveAny, shorten } from './dag/path.ts'
import { NameError } from './errors.ts'
import { Announcer } from './exchange/announcer.ts'
import { Bootstrap } from './exchange/bootstrap.ts'
import { Exchange } from './exchange/exchange.ts'
import { type FoundName, Names } from './exchange/names.ts'
import { servicesAt } from './exchange/outside-service.ts'
import { ProviderSearch } from './exchange/provider-search.ts'
import { TrustlessGateways } from './exchange/trustless-gateways.ts'
import { startGateway } from './gateway/gateway.ts'
import type { GatewayNode } from './gateway/gateway-node.ts'
import { NameCache } from './gateway/name-cache.ts'
import { addressOf, type IpfsHost, peerOf, startHost } from './host.ts'
import { loadHostKey } from './host-key.ts'
import { PinProof } from './pin-proof.ts'
import { Pinner } from './pinner.ts'
import { WriteCalls } from './write-calls.ts'

export interface EmbeddedInit {
  /** Holds key, blocks and pins of the node; made when it is not there. */
  folder: string
  config: EmbeddedConfig
  runtime: Runtime
}

export interface EmbeddedIpfs extends Ipfs {
  /** `http://<host>:<port>` of each listener of the gateway. */
  readonly gatewayUrls: readonly string[]
  /** Calls back for each node that is connected from now on, in either direction. */
  onConnected(listener: () => void): void
}

/**
 * Opens the node and resolves when it listens; it finds its way into the network in the background. Rejects with
 * `RepositoryError`, `ListenError` or `AddressError`, and leaves nothing open then.
 */
export async function createEmbeddedIpfs({
  folder,
  config,
  runtime: base,
}: EmbeddedInit): Promise<EmbeddedIpfs> {
  const runtime = { ...base, logger: base.logger.component('ipfs') }
  const { clock, logger } = runtime
  await using opened = new AsyncDisposableStack()
  const store = opened.use(
    await BlockStore.open({
      folder,
      maxBytes: config.storageMax,
      runtime,
      onStored: (cids) => bitswap?.stored(cids),
      onLost: () => proof?.wake(),
      makeRoom: async (): Promise<void> => collector?.makeRoom(),
    }),
  )
  const proof = new PinProof(store, runtime)
  const host = opened.use(await startHost(config, await loadHostKey(folder), agent))
  opened.use(new Bootstrap(startingNodes(config), host.libp2p, runtime))
  const unheard = unheardIpv6(host.libp2p, config.swarmListenMultiaddress)
  if (unheard.length > 0)
    logger.warn('IPv6 is not listened at: is there none on this machine?', { addresses: unheard.join(', ') })
  const bitswap = opened.use(await startBitswap(host.libp2p, store, digestOf))
  const routers = servicesAt(config.delegatedRouters, 'delegated_routers', runtime)
  const gateways = servicesAt(config.trustlessGateways, 'trustless_gateways', runtime)
  const exchange = new Exchange({
    bitswap,
    connect: (addresses, signal) => connectTo(host, addresses, signal),
    peers: () => host.libp2p.getPeers(),
    search: host.dht && new ProviderSearch({ libp2p: host.libp2p, routers, runtime }),
    gateways: host.dht && new TrustlessGateways(gateways, runtime.scheduler),
    runtime,
  })
  const reader = new BlockReader(store, exchange)
  const findName = nameFinder(host.dht && new Names({ dht: host.dht, routers, runtime }))
  const announcer =
    host.dht && opened.use(new Announcer(host.dht, store.index, config.announceInterval, runtime))
  const pinner = new Pinner({
    store,
    source: exchange,
    runtime,
    isWhole: (pin, signal) => proof.isWhole(pin, signal),
    onPinned: () => announcer?.wake(),
  })
  const writes = new WriteCalls(clock, config.gcGrace)
  const collector = opened.use(new Collector({ store, pinner, writes, runtime }))
  const gateway = opened.use(
    await startGateway(
      config.gatewayListenMultiaddress,
      gatewayNode(reader, new NameCache(findName, clock)),
      logger,
    ),
  )
  const { urls } = gateway
  return new Embedded({
    store,
    host,
    reader,
    pinner,
    proof,
    writes,
    collector,
    findName,
    urls,
    opened: opened.move(),
  })
}

const agent = `cluster/${buildInfo.version}`

type FindName = (name: string, signal: AbortSignal) => Promise<FoundName>

interface EmbeddedParts {
  store: BlockStore
  host: IpfsHost
  reader: BlockReader
  pinner: Pinner
  proof: PinProof
  writes: WriteCalls
  collector: Collector
  findName: FindName
  /** Of the gateway. */
  urls: readonly string[]
  opened: AsyncDisposableStack
}

/** Pins read at once while they are listed. */
const pageSize = 1_000

class Embedded implements EmbeddedIpfs {
  readonly kind = 'embedded'
  readonly #parts: EmbeddedParts
  readonly #closing = new AbortController()
  /** Calls under way; closing waits for them. */
  readonly #calls = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined

  constructor(parts: EmbeddedParts) {
    this.#parts = parts
  }

  get proof(): IpfsPinProof {
    return this.#parts.proof
  }

  onConnected(listener: () => void): void {
    this.#parts.host.libp2p.addEventListener('peer:connect', listener)
  }

  get gatewayUrls(): readonly string[] {
    return this.#parts.urls
  }

  id(options?: IpfsCallOptions): Promise<IpfsIdentity> {
    return this.#call('id', options?.signal, async () => {
      const { libp2p } = this.#parts.host
      const id = libp2p.peerId.toString()
      const addresses = libp2p.getMultiaddrs().map(String)
      const { repository } = this.#parts.store.index.counters
      return {
        id,
        addresses: addresses.map((text) => (text.includes('/p2p/') ? text : `${text}/p2p/${id}`)),
        // An index of an older program has no name until it is lost once.
        ...(repository === 0 ? {} : { repository: repository.toString(36) }),
      }
    })
  }

  /** Never `indirect`: that would take a walk through all pins. */
  pinState(cid: CID, options?: IpfsCallOptions): Promise<IpfsPinState> {
    return this.#call(`pin/ls ${cid}`, options?.signal, async (signal) => {
      const pin = this.#parts.store.index.pin(cid.bytes)
      return pin !== undefined && (await this.#parts.proof.isWhole(pin, signal)) ? pin.mode : 'unpinned'
    })
  }

  async *pins(options?: IpfsCallOptions): AsyncGenerator<{ cid: CID; state: 'recursive' | 'direct' }> {
    for (let after: Uint8Array | undefined; ; ) {
      const from = after
      const rows = await this.#call('pin/ls', options?.signal, async () => {
        return this.#parts.store.index.pins(from, pageSize)
      })
      for (const { cid, mode, flaw } of rows)
        if (flaw !== 'incomplete') yield { cid: CID.decode(cid), state: mode }
      after = rows.at(-1)?.cid
      if (after === undefined) return
    }
  }

  pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    return this.#call(
      `pin/add ${cid}`,
      options.signal,
      (signal) => this.#parts.pinner.pin(cid, { ...options, signal }),
      options.stallTimeout,
    )
  }

  unpin(cid: CID, options?: IpfsCallOptions): Promise<void> {
    return this.#call(`pin/rm ${cid}`, options?.signal, () => this.#parts.pinner.unpin(cid))
  }

  putBlocks(blocks: AsyncIterable<IpfsBlock>, options?: IpfsCallOptions): Promise<void> {
    return this.#call('block/put', options?.signal, async (signal) => {
      using _ = this.#parts.writes.begin()
      const writer = this.#parts.store.writer({ fresh: true })
      for await (const { cid, bytes } of untilAborted(blocks, signal))
        await writer.put(cid, bytes, 'the caller')
      await writer.finish()
    })
  }

  getBlock(cid: CID, options?: IpfsCallOptions): Promise<Uint8Array> {
    return this.#call(`block/get ${cid}`, options?.signal, (signal) => this.#parts.reader.read(cid, signal))
  }

  repoStat(options?: IpfsCallOptions): Promise<IpfsRepoStat> {
    return this.#call('repo/stat', options?.signal, async () => {
      const max = await this.#parts.store.capacity()
      return { size: this.#parts.store.size, max }
    })
  }

  async *gc(options?: IpfsCallOptions): AsyncGenerator<IpfsGcRow> {
    // Not one of the calls that closing waits for: nobody knows when the next row is asked for.
    using abort = new LinkedAbort(options?.signal, this.#closing.signal)
    try {
      yield* this.#parts.collector.run(abort.signal)
    } catch (error) {
      throw asIpfsError(error, callTo('repo/gc'), abort.signal)
    }
  }

  resolve(path: string, options?: IpfsCallOptions): Promise<CID> {
    return this.#call(`resolve ${shorten(path)}`, options?.signal, async (signal) => {
      const read = (cid: CID) => this.#parts.reader.read(cid, signal)
      return (
        await resolveAny(
          parsePath(path),
          read,
          async (name) => (await this.#parts.findName(name, signal)).path,
        )
      ).cid
    })
  }

  connect(address: string, options?: IpfsCallOptions): Promise<void> {
    return this.#call(`swarm/connect ${address}`, options?.signal, async (signal) => {
      await connectTo(this.#parts.host, [address], signal)
    })
  }

  swarmPeers(options?: IpfsCallOptions): Promise<string[]> {
    return this.#call('swarm/peers', options?.signal, async () =>
      this.#parts.host.libp2p.getPeers().map(String),
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort(new Error('the embedded IPFS node was closed'))
    await Promise.allSettled(this.#calls)
    await this.#parts.opened[Symbol.asyncDispose]()
  }

  async #call<Result>(
    what: string,
    given: AbortSignal | undefined,
    task: (signal: AbortSignal) => Promise<Result>,
    stallTimeout = 0,
  ): Promise<Result> {
    using abort = new LinkedAbort(given, this.#closing.signal)
    let running: Promise<Result> | undefined
    try {
      abort.signal.throwIfAborted()
      running = task(abort.signal)
      this.#calls.add(running)
      return await running
    } catch (error) {
      if (error instanceof SourceError) throw error.cause
      throw asIpfsError(error, callTo(what), abort.signal, stallTimeout)
    } finally {
      this.#calls.delete(running!)
    }
  }
}

/** At one of the addresses, which are of one peer. */
async function connectTo(host: IpfsHost, texts: readonly string[], signal: AbortSignal) {
  const addresses = texts.map((text) => addressOf(text, 'address'))
  for (const address of addresses) {
    const peer = peerOf(address)
    if (peer !== undefined) host.allow(peer)
  }
  return (await host.libp2p.dial(addresses, { signal })).remotePeer
}

function nameFinder(names: Names | undefined): FindName {
  if (names !== undefined) return (name, signal) => names.find(name, signal)
  return async (name) => {
    throw new NameError(
      `/ipns/${shorten(name)} cannot be resolved: with ipfs_connector.embedded.network "cluster" nobody outside is asked; ` +
        'give the CID',
    )
  }
}

function gatewayNode(reader: BlockReader, names: NameCache): GatewayNode {
  return {
    read: (cid, signal) => reader.read(cid, signal),
    has: (cid) => reader.has(cid),
    idOf: (cid) => reader.idOf(cid),
    findName: (name, signal) => names.find(name, signal),
    refreshName: (name, signal) => names.refresh(name, signal),
  }
}

/** Ends with the reason of the signal, also while the source hangs. What the source throws comes as a `SourceError`. */
async function* untilAborted<Item>(source: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const items = source[Symbol.asyncIterator]()
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => undefined)
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop)
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = items.next().catch((error) => {
        ended = true
        throw new SourceError('the source of the blocks failed', { cause: error })
      })
      const { value, done } = await Promise.race([next, aborted.promise])
      if (done) {
        ended = true
        return
      }
      yield value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    // Not waited for: a source that hangs may hang here too.
    if (!ended) items.return?.()?.catch?.(() => undefined)
  }
}
