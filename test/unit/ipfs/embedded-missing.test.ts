/** Content that is not whole: the error names the block that is missing and where it belongs, and why it does not come. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import type { EmbeddedConfig } from '../../../core/ipfs/embedded/config.ts'
import {
  maxWay,
  placeOfBlock,
  stepBelow,
  type WayStep,
} from '../../../core/ipfs/embedded/dag/place-of-block.ts'
import { createEmbeddedIpfs, type EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { servicesAt } from '../../../core/ipfs/embedded/exchange/outside-service.ts'
import { type ProviderReports, ProviderSearch } from '../../../core/ipfs/embedded/exchange/provider-search.ts'
import { SearchOutcome } from '../../../core/ipfs/embedded/exchange/search-outcome.ts'
import { startHost } from '../../../core/ipfs/embedded/host.ts'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { cborBlock, directoryBlock, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'
import { loopback, temporaryFolder } from './embedded-node.ts'
import { quietRuntime } from './test-runtime.ts'

const limit = 60_000

let stack: AsyncDisposableStack
let folder: string

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
})
afterEach(() => stack.disposeAsync())

/** ms that a node waits when all that are connected lack a block; cut short here. */
const lackAfter = 10_000

/** A node that started an hour ago: nobody is expected to connect any more. */
async function start(name: string, config: Partial<EmbeddedConfig> = {}): Promise<EmbeddedIpfs> {
  const runtime = quietRuntime()
  const { clock, scheduler } = runtime
  let ahead = 0
  const node = await createEmbeddedIpfs({
    folder: join(folder, name),
    config: { ...loopback, ...config },
    runtime: {
      ...runtime,
      scheduler: { after: (ms, task) => scheduler.after(ms === lackAfter ? 50 : ms, task) },
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic() + ahead },
    },
  })
  ahead = 3_600_000
  return stack.use(node)
}

const cluster = { network: 'cluster' } as const

/** A folder whose `sub/b.bin` has two parts, of which the second is left out. */
async function folderWithHole() {
  const parts = [
    await rawBlock(filledBytes('first part', 500)),
    await rawBlock(filledBytes('second part', 500)),
  ]
  const file = await fileOf(parts)
  const sub = await directoryBlock({ 'b.bin': file })
  const root = await directoryBlock({ sub, 'a.txt': await rawBlock(textBytes('a')) })
  const here = [parts[0]!, file, sub, root, await rawBlock(textBytes('a'))]
  return { root, here, missing: parts[1]! }
}

async function fileOf(parts: IpfsBlock[]): Promise<IpfsBlock> {
  const unixfs = new UnixFS({ type: 'file', blockSizes: parts.map(({ bytes }) => BigInt(bytes.length)) })
  const links = parts.map(({ cid, bytes }) => ({ Name: '', Hash: cid, Tsize: bytes.length }))
  const bytes = dagPb.encode(dagPb.createNode(unixfs.marshal(), links))
  return { cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes }
}

describe('a block that is missing', () => {
  test(
    'is named with the path that leads to it when a pin stalls',
    async () => {
      const node = await start('node')
      const { root, here, missing } = await folderWithHole()
      await putAll(node, here)
      const error = await expectIpfsError(node.pin(root.cid, pinOptions({ stallTimeout: 500 })), 'stalled')
      expect(error.message).toContain(
        `block ${missing.cid}, which belongs at /ipfs/${root.cid}/sub/b.bin, is missing (`,
      )
    },
    limit,
  )

  test(
    'is named at once, to pins, paths and the gateway, when there is nobody to ask',
    async () => {
      const gatewayListenMultiaddress = ['/ip4/127.0.0.1/tcp/0']
      const node = await start('node', { ...cluster, gatewayListenMultiaddress })
      const { root, here, missing } = await folderWithHole()
      await putAll(node, here)
      const never = pinOptions({ stallTimeout: 0 })
      const pin = await expectIpfsError(node.pin(root.cid, never), 'failed')
      expect(pin.message).toContain(
        `block ${missing.cid}, which belongs at /ipfs/${root.cid}/sub/b.bin, is not in the block store, and there is ` +
          'nobody to ask for it (no IPFS node is connected)',
      )
      const absent = await rawBlock(textBytes('the root itself'))
      const direct = await expectIpfsError(node.pin(absent.cid, { ...never, mode: 'direct' }), 'failed')
      expect(direct.message).toContain(`block ${absent.cid} is not in the block store`)
      const resolved = await expectIpfsError(
        node.resolve(`/ipfs/${(await directoryBlock({ absent })).cid}/absent`),
        'failed',
      )
      expect(resolved.message).toContain('nobody to ask')
      const response = await fetch(`${node.gatewayUrls[0]}/ipfs/${absent.cid}`)
      expect(response.ok).toBe(false)
      expect(await response.text()).toContain('nobody to ask')
    },
    limit,
  )

  test(
    'is fetched by the next try once a node that has it is connected',
    async () => {
      const [node, other] = [await start('node', cluster), await start('other', cluster)]
      const { root, here, missing } = await folderWithHole()
      await putAll(node, here)
      await putAll(other, [missing])
      await expectIpfsError(node.pin(root.cid, pinOptions({ stallTimeout: 0 })), 'failed')
      await node.connect((await other.id()).addresses[0]!).catch(() => undefined)
      await other.connect((await node.id()).addresses[0]!)
      await node.pin(root.cid, pinOptions())
      expect(await node.pinState(root.cid)).toBe('recursive')
    },
    limit,
  )

  test(
    'is named when all connected nodes say that they lack it',
    async () => {
      const [node, other] = [await start('node', cluster), await start('other', cluster)]
      await node.connect((await other.id()).addresses[0]!).catch(() => undefined)
      await other.connect((await node.id()).addresses[0]!)
      const { root, here, missing } = await folderWithHole()
      await putAll(node, here)
      const first = await expectIpfsError(node.pin(root.cid, pinOptions({ stallTimeout: 0 })), 'failed')
      expect(first.message).toContain(
        `block ${missing.cid}, which belongs at /ipfs/${root.cid}/sub/b.bin, is not`,
      )
      expect(first.message).toContain('all connected nodes lack it (1 connected node asked)')
    },
    limit,
  )

  test(
    'does not come from an origin that has no address over TCP, and the error says so at once',
    async () => {
      const [node, other] = [await start('node', cluster), await start('other')]
      const { id } = await other.id()
      const origins = [`/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${id}`]
      const { root } = await folderWithHole()
      const error = await expectIpfsError(
        node.pin(root.cid, pinOptions({ stallTimeout: 0, origins })),
        'failed',
      )
      expect(error.message).toContain(`origin ${origins[0]} cannot be reached (no address over TCP)`)
    },
    limit,
  )

  test(
    'is said to have providers that cannot be reached over TCP',
    async () => {
      const other = await start('other')
      const { id } = await other.id()
      const Addrs = ['/ip4/127.0.0.1/udp/4001/quic-v1', '/ip4/127.0.0.1/tcp/4002/ws']
      const record = { Schema: 'peer', ID: id, Addrs, Protocols: ['transport-bitswap'] }
      const server = Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        fetch: () => Response.json({ Providers: [record] }),
      })
      stack.defer(() => server.stop(true))
      const config = { ...loopback, network: 'public' } as const
      const host = stack.use(await startHost(config, await generateKeyPair('Ed25519'), 'test'))
      const outcome = new SearchOutcome()
      const search = new ProviderSearch({
        libp2p: host.libp2p,
        routers: servicesAt([`http://127.0.0.1:${server.port}`], 'delegated_routers', quietRuntime()),
        runtime: quietRuntime(),
      })
      const reports: ProviderReports = {
        found: (peer) => outcome.providerFound(String(peer)),
        connected: (peer) => outcome.providerConnected(String(peer)),
        unreachable: (peer, error) => outcome.providerLost(String(peer), error),
      }
      const { root } = await folderWithHole()
      await search.search(root.cid, reports, new AbortController().signal)
      expect(outcome.describe(0)).toStartWith('1 provider found, none reachable over TCP')
    },
    limit,
  )
})

describe('the place of a block', () => {
  const placeOf = (blocks: IpfsBlock[], way: IpfsBlock[]) => {
    let above: WayStep | undefined
    for (const { cid } of way.slice(0, -1))
      above = { cid, ...(above ? stepBelow(above) : { above, depth: 0 }) }
    const read = async (cid: CID) => blocks.find((block) => block.cid.equals(cid))?.bytes
    return placeOfBlock(way.at(-1)!.cid, above, read)
  }

  test('has the keys and positions of dag-cbor and dag-json', async () => {
    const leaf = await rawBlock(textBytes('leaf'))
    const inner = await cborBlock({ other: [1, { deep: 2 }], list: [0, ['x'], { here: leaf.cid }] })
    const bytes = dagJson.encode({ a: { n: null, b: inner.cid } })
    const root = { cid: CID.createV1(dagJson.code, await sha256.digest(bytes)), bytes }
    const way = [root, inner, leaf]
    expect(await placeOf(way, way)).toBe(`/ipfs/${root.cid}/a/b/list/2/here`)
  })

  test('has the names of sharded folders, without their buckets', async () => {
    const leaf = await rawBlock(textBytes('in a shard'))
    const shard = async (Name: string, child: IpfsBlock) => {
      const data = new UnixFS({ type: 'hamt-sharded-directory', fanout: 256n, hashType: 0x22n }).marshal()
      const bytes = dagPb.encode(dagPb.createNode(data, [{ Name, Hash: child.cid, Tsize: 1 }]))
      return { cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes }
    }
    const lower = await shard('A7name', leaf)
    const upper = await shard('00', lower)
    const way = [upper, lower, leaf]
    expect(await placeOf(way, way)).toBe(`/ipfs/${upper.cid}/name`)
  })

  test('is looked for in wide nodes with turns of the event loop between', async () => {
    const leaf = await rawBlock(textBytes('the last one'))
    const other = CID.createV1(0x55, identity.digest(new Uint8Array()))
    const links = [...Array.from({ length: 60_000 }, () => other), leaf.cid]
    const folder = dagPb.encode(
      dagPb.createNode(
        new Uint8Array(),
        links.map((Hash) => ({ Name: '', Hash })),
      ),
    )
    const nodes = [
      { cid: CID.createV1(dagPb.code, await sha256.digest(folder)), bytes: folder },
      await cborBlock(links),
    ]
    for (const node of nodes) {
      let turns = 0
      let isOver = false
      const turn = () => {
        turns++
        if (!isOver) setImmediate(turn)
      }
      setImmediate(turn)
      expect(await placeOf([node, leaf], [node, leaf])).toStartWith(`/ipfs/${node.cid}`)
      isOver = true
      expect(turns).toBeGreaterThan(100)
    }
  })

  test('ends where nothing can be read any more, and is short for a chain without an end', async () => {
    const leaf = await rawBlock(textBytes('leaf'))
    const inner = await directoryBlock({ leaf })
    const root = await directoryBlock({ inner })
    expect(await placeOf([root], [root, inner, leaf])).toBe(`/ipfs/${root.cid}/inner/…`)
    let step: WayStep = { cid: root.cid, above: undefined, depth: 0 }
    for (let level = 0; level < 10_000; level++) step = { cid: leaf.cid, ...stepBelow(step) }
    let length = 0
    for (let at: WayStep | undefined = step; at !== undefined; at = at.above) length++
    expect(length).toBeLessThanOrEqual(maxWay + 1)
  })
})
