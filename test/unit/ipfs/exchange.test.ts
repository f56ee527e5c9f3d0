/** Where the embedded node looks for blocks and when, and what it says when they do not come. Time is virtual. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { CID } from 'multiformats/cid'
import type { BlockSession } from '../../../core/ipfs/embedded/block-source.ts'
import { BlockNotHereError } from '../../../core/ipfs/embedded/errors.ts'
import { Exchange } from '../../../core/ipfs/embedded/exchange/exchange.ts'
import type { ProviderReports } from '../../../core/ipfs/embedded/exchange/provider-search.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { rawBlock, textBytes } from './dag-fixtures.ts'
import { quietRuntime } from './test-runtime.ts'

const block = await rawBlock(textBytes('looked for'))
const somebody = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const somebodyElse = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

/** What the exchange does, in its order. */
let log: string[]
let time: VirtualTime
let peers: PeerId[]
/** Who gives the block. */
let holder: PeerId | undefined
/** Who neither gives nor says that it lacks it. */
let silent: PeerId | undefined
let connect: (address: string) => Promise<PeerId>
let search: ((reports: ProviderReports) => Promise<void>) | undefined
let abort: AbortController
let sessions: BlockSession[]

beforeEach(() => {
  log = []
  time = new VirtualTime()
  peers = []
  holder = undefined
  silent = undefined
  connect = () => Promise.reject(new Error('connection refused'))
  search = undefined
  abort = new AbortController()
  sessions = []
})
afterEach(() => {
  abort.abort(new Error('the test is over'))
  for (const session of sessions) session[Symbol.dispose]()
})

describe('a node that may ask connected nodes only', () => {
  test('says at once that there is nobody to ask, and why', async () => {
    const { exchange } = start()
    time.run(60_000)
    const before = time.monotonic()
    const error = await fetchFrom(exchange).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(BlockNotHereError)
    expect(String(error)).toContain(
      `block ${block.cid} is not in the block store, and there is nobody to ask`,
    )
    expect(String(error)).toContain('no IPFS node is connected')
    expect(time.monotonic()).toBe(before)
  })

  test('waits 5 s for others after it has started, and no longer', async () => {
    const { exchange } = start()
    let end: unknown
    fetchFrom(exchange).catch((error: unknown) => (end = error))
    time.run(4_900)
    expect(end).toBeUndefined()
    time.run(400)
    expect(end).toBeInstanceOf(BlockNotHereError)
  })

  test('asks whoever connects in that time', async () => {
    const { exchange } = start()
    const fetched = fetchFrom(exchange)
    time.run(1_000)
    peers = [somebody]
    holder = somebody
    time.run(1_000)
    expect((await fetched).bytes).toEqual(block.bytes)
  })

  test('asks again once somebody has connected', async () => {
    const { exchange } = start()
    time.run(60_000)
    await expect(fetchFrom(exchange)).rejects.toThrow('nobody to ask')
    peers = [somebody]
    holder = somebody
    expect((await fetchFrom(exchange)).bytes).toEqual(block.bytes)
  })

  test('says after 10 s that all connected nodes lack the block', async () => {
    peers = [somebody, somebodyElse]
    const fetched = fetchFrom(start().exchange)
    let end: unknown
    fetched.catch((error: unknown) => (end = error))
    time.run(9_900)
    expect(end).toBeUndefined()
    time.run(200)
    expect(end).toBeInstanceOf(BlockNotHereError)
    expect(String(end)).toContain('all connected nodes lack it (2 connected nodes asked)')
  })

  test('waits on when one of them does not answer', async () => {
    peers = [somebody, somebodyElse]
    silent = somebodyElse
    let ended = false
    fetchFrom(start().exchange)
      .catch(() => undefined)
      .finally(() => (ended = true))
    time.run(100_000)
    expect(ended).toBe(false)
  })

  test('waits on when another one connects meanwhile', async () => {
    peers = [somebody]
    let ended = false
    fetchFrom(start().exchange)
      .catch(() => undefined)
      .finally(() => (ended = true))
    time.run(5_000)
    peers = [somebody, somebodyElse]
    time.run(100_000)
    expect(ended).toBe(false)
  })

  test('takes the block from a node that has got it by then', async () => {
    peers = [somebody, somebodyElse]
    const fetched = fetchFrom(start().exchange)
    time.after(9_000, () => (holder = somebodyElse))
    time.run(11_000)
    expect((await fetched).from).toBe(somebodyElse.toString())
  })

  test('dials the origins of a pin first, all at once, and gives the reasons when none answers', async () => {
    const { exchange } = start()
    time.run(60_000)
    const dials = [Promise.withResolvers<PeerId>(), Promise.withResolvers<PeerId>()]
    connect = (address) => dials[Number(address)]!.promise
    const fetched = fetchFrom(exchange, ['0', '1'])
    fetched.catch(() => undefined)
    time.run(0)
    expect(log).toEqual(['dials 0', 'dials 1'])
    dials[0]!.reject(Object.assign(new Error('no valid addresses'), { name: 'NoValidAddressesError' }))
    dials[1]!.reject(new Error('connection refused'))
    const error = await fetched.catch(String)
    expect(error).toContain('origin 0 cannot be reached (no address over TCP), nor can 1 more')
  })

  test('dials all addresses of one origin together', () => {
    const { exchange } = start()
    const origins = [
      '/ip4/192.0.2.1/udp/1/quic-v1/p2p/A',
      '/ip4/192.0.2.1/tcp/1/p2p/B',
      '/ip4/192.0.2.1/tcp/1/p2p/A',
    ]
    fetchFrom(exchange, origins).catch(() => undefined)
    time.run(0)
    expect(log).toEqual([`dials ${origins[0]} ${origins[2]}`, `dials ${origins[1]}`])
  })

  test('gets the block from an origin that answers', async () => {
    const { exchange } = start()
    time.run(60_000)
    connect = async (address) => {
      if (address === 'dead') throw new Error('connection refused')
      peers = [somebody]
      holder = somebody
      return somebody
    }
    const { from } = await fetchFrom(exchange, ['dead', 'alive'])
    expect(from).toBe(somebody.toString())
  })
})

describe('a node that may search for providers', () => {
  for (const [name, delay] of [
    ['as soon as the origins of a pin have failed', 500],
    ['after 3 s when the origins of a pin do not answer', 1_000_000],
  ] as const) {
    test(`searches ${name}`, () => {
      search = async () => undefined
      connect = async () => {
        await time.sleep(delay)
        throw new Error('connection refused')
      }
      fetchFrom(start().exchange, ['origin']).catch(() => undefined)
      time.run(Math.min(delay, 3_000) + 900)
      expect(log).toEqual(['dials origin'])
      time.run(200)
      expect(log).toEqual(['dials origin', 'searches'])
    })
  }

  test('counts the providers that it found and reached', () => {
    const notOverTcp = Object.assign(new Error('no valid addresses'), { name: 'NoValidAddressesError' })
    const cases: [(reports: ProviderReports) => void, string][] = [
      [() => undefined, 'no provider found; no IPFS node is connected'],
      [
        (reports) => reports.unreachable(somebody, notOverTcp),
        '1 provider found, none reachable over TCP; no IPFS node is connected',
      ],
      [
        (reports) => {
          reports.unreachable(somebody, notOverTcp)
          reports.unreachable(somebodyElse, new Error('timeout'))
        },
        '2 providers found, none reached (1 have no address over TCP); no IPFS node is connected',
      ],
      [
        (reports) => {
          reports.found(somebodyElse)
          reports.connected(somebody)
        },
        '2 providers found, 1 of them reached; no IPFS node is connected',
      ],
    ]
    for (const [report, expected] of cases) {
      search = async (reports) => report(reports)
      const { exchange } = start()
      const session = open(exchange, [])
      session.fetch(block.cid, abort.signal).catch(() => undefined)
      time.run(2_000)
      expect(session.outcome()).toBe(expected)
    }
  })
})

function start(): { exchange: Exchange } {
  const searching = search
  const exchange = new Exchange({
    bitswap: {
      fetchFrom: (peer, cid, signal) => give(cid, signal, peer),
      fetchFromAll: async (cid, signal) => ({ bytes: await give(cid, signal), from: holder?.toString() }),
      stored: () => undefined,
      partialBytes: 0,
      [Symbol.asyncDispose]: async () => undefined,
    },
    connect: (addresses) => {
      const text = addresses.join(' ')
      log.push(`dials ${text}`)
      return connect(text)
    },
    peers: () => peers,
    search: searching && {
      search: (_cid, reports) => {
        log.push('searches')
        return searching(reports)
      },
    },
    gateways: undefined,
    runtime: { ...quietRuntime(), clock: time, scheduler: time },
  })
  return { exchange }
}

/** Waits when nobody has the block, as bitswap does; one peer says that it lacks it. */
function give(_cid: CID, signal: AbortSignal, peer?: PeerId): Promise<Uint8Array> {
  if (holder !== undefined && (peer === undefined || peer.equals(holder))) return Promise.resolve(block.bytes)
  if (peer !== undefined && peer !== silent) return Promise.reject(new Error('it does not have the block'))
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    if (peer === undefined) time.onEvent(() => holder !== undefined && resolve(block.bytes))
  })
}

function fetchFrom(exchange: Exchange, origins: string[] = []) {
  return open(exchange, origins).fetch(block.cid, abort.signal)
}

function open(exchange: Exchange, origins: string[]): BlockSession {
  const session = exchange.session(origins)
  sessions.push(session)
  return session
}
