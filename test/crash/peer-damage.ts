/**
 * What the built daemon makes of damage to its disk, of a clock that is set back, and of content that is made to freeze it.
 * Each case rejects at the first broken promise. Run it by itself:
 *
 *     bun test/crash/peer-damage.ts [NAME…] [--rounds 10]
 */
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { PeerProcess, startTwo } from '../executable/peer-process.ts'
import { shiftedClock } from './shifted-clock.ts'

/** Cases by name. */
export const damages: Readonly<Record<string, () => Promise<void>>> = {
  'a lost index is made again, and no pin is told as pinned before it is whole': async () => {
    await using peers = await startTwo({ CLUSTER_SECRET: randomBytes(32).toString('hex') })
    const { first } = peers
    const added = await addRandom(first, 3_000_000)
    await untilPinnedBy(first, added.cid, 2)
    await first.stop()
    const before = await blockFiles(first)
    for (const name of await readdir(ipfsFolder(first)))
      if (name.startsWith('index.db')) await rm(join(ipfsFolder(first), name))
    await first.start()
    const after = await blockFiles(first)
    demand(after.length >= before.length, `${before.length} block files were there, ${after.length} are left`)
    await untilPinnedBy(first, added.cid, 2)
    await peers.second.stop()
    demand(await readsWell(first, added), 'it is told as pinned, and cannot be read')
  },

  'a damaged block is found when it is read, and no report says pinned until it is fetched again':
    async () => {
      await using peers = await startTwo({ CLUSTER_SECRET: randomBytes(32).toString('hex') })
      const { first, second } = peers
      const added = await addRandom(first, 3_000_000)
      await untilPinnedBy(first, added.cid, 2)
      await second.stop()
      const files = await blockFiles(first)
      const file = files[Math.floor(Math.random() * files.length)]!
      const bytes = await readFile(file)
      bytes[Math.floor(Math.random() * bytes.length)]! ^= 1
      await writeFile(file, bytes)
      demand(!(await readsWell(first, added, 3_000)), 'damaged content was given out')
      const statuses = [await ownStatus(first, added.cid), await ownStatus(first, added.cid, 'recover')]
      demand(!statuses.includes('pinned'), `a pin that lacks a block is told as ${statuses.join(', then ')}`)
      await second.start('--bootstrap', (await identity(first)).addresses[0]!)
      await first.output('recover', added.cid)
      await untilPinnedBy(first, added.cid, 2)
      await second.stop()
      demand(await readsWell(first, added), 'it is told as pinned, and cannot be read')
    },

  'what was queued by a clock an hour ahead is done when the clock is right': async () => {
    await using clock = await shiftedClock()
    await clock.set(3_600)
    await using peer = await PeerProcess.make(clock.environment)
    await peer.start()
    const block = await rawBlock(crypto.getRandomValues(new Uint8Array(1_000)))
    await peer.output('pin', 'add', block.cid.toString())
    await until(
      'the pin is under way',
      async () => (await ownStatus(peer, block.cid.toString())) === 'pinning',
    )
    await peer.stop()
    await clock.set(0)
    await peer.start()
    await addCar(peer, [block])
    await until('it is pinned', async () => (await ownStatus(peer, block.cid.toString())) === 'pinned')
  },

  'a folder that has itself below it again and again freezes nothing': async () => {
    await using peer = await PeerProcess.make()
    await peer.start()
    const shards = await doublingShards(64)
    await addCar(peer, shards)
    const url = `${peer.gateway}/ipfs/${shards[0]!.cid}/`
    await fetch(url, { signal: AbortSignal.timeout(1_000) })
      .then((response) => response.text())
      // Any answer is well, or none.
      .catch(() => undefined)
    const rest = await restUrl(peer)
    for (let time = 0; time < 5; time++) {
      const health = await fetch(`${rest}/health`, { signal: AbortSignal.timeout(2_000) }).catch(
        () => undefined,
      )
      demand(health?.status === 204, 'the peer does not say within 2 s that it is well')
    }
    const stopped = await Promise.race([peer.stop(), Bun.sleep(30_000).then(() => 'still runs')])
    demand(stopped === 0, `30 s after SIGTERM the peer ${stopped}`)
  },
}

interface Added {
  cid: string
  bytes: Uint8Array
}

async function addRandom(peer: PeerProcess, size: number): Promise<Added> {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  const file = join(peer.home, 'added')
  await writeFile(file, bytes)
  return { cid: (await peer.output('add', '--quieter', file)).trim(), bytes }
}

async function addCar(peer: PeerProcess, blocks: readonly Block[]): Promise<void> {
  const file = join(peer.home, 'blocks.car')
  await writeFile(file, carOf(blocks))
  await peer.output('add', '--car', '--no-pin', '--quieter', file)
}

/** Whether the gateway gives the right bytes within that time. */
async function readsWell(peer: PeerProcess, { cid, bytes }: Added, ms = 20_000): Promise<boolean> {
  try {
    const response = await fetch(`${peer.gateway}/ipfs/${cid}`, { signal: AbortSignal.timeout(ms) })
    return response.status === 200 && Buffer.compare(await response.bytes(), bytes) === 0
  } catch {
    return false
  }
}

interface StatusRow {
  peer_map: Record<string, { status: string }>
}

async function ownStatus(
  peer: PeerProcess,
  cid: string,
  ask: 'status' | 'recover' = 'status',
): Promise<string> {
  const { id } = await identity(peer)
  const path = ask === 'status' ? `/pins/${cid}?local=true` : `/pins/${cid}/recover?local=true`
  const response = await fetch(`${await restUrl(peer)}${path}`, { method: ask === 'status' ? 'GET' : 'POST' })
  return ((await response.json()) as StatusRow).peer_map[id]?.status ?? 'unknown'
}

async function untilPinnedBy(peer: PeerProcess, cid: string, peers: number): Promise<void> {
  await until(`${cid} is pinned by ${peers} peers`, async () => {
    const response = await fetch(`${await restUrl(peer)}/pins/${cid}`)
    const { peer_map: rows } = (await response.json()) as StatusRow
    return Object.values(rows).filter(({ status }) => status === 'pinned').length === peers
  })
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await holds())) {
    demand(Date.now() < deadline, `after a minute it is not true that ${what}`)
    await Bun.sleep(100)
  }
}

async function identity(peer: PeerProcess): Promise<{ id: string; addresses: string[] }> {
  return JSON.parse(await peer.output('id', '--json'))
}

async function restUrl(peer: PeerProcess): Promise<string> {
  const service = JSON.parse(await readFile(join(peer.home, '.ipfs-cluster', 'service.json'), 'utf8'))
  const port = /\/tcp\/([0-9]+)/.exec(String(service.api.restapi.http_listen_multiaddress))![1]
  return `http://127.0.0.1:${port}`
}

function ipfsFolder(peer: PeerProcess): string {
  return join(peer.home, '.ipfs-cluster', 'ipfs')
}

async function blockFiles(peer: PeerProcess): Promise<string[]> {
  const top = join(ipfsFolder(peer), 'files')
  const names = await readdir(top, { recursive: true })
  return names.filter((name) => name.includes('/')).map((name) => join(top, name))
}

interface Block {
  cid: CID
  bytes: Uint8Array
}

async function rawBlock(bytes: Uint8Array): Promise<Block> {
  return { cid: CID.createV1(0x55, await sha256.digest(bytes)), bytes }
}

/** The root first: each shard links to the next one twice, so that there are 2^levels ways to the last. */
async function doublingShards(levels: number): Promise<Block[]> {
  const blocks: Block[] = []
  const data = new UnixFS({ type: 'hamt-sharded-directory', hashType: 0x22n, fanout: 256n }).marshal()
  for (let level = 0; level < levels; level++) {
    const [below] = blocks
    const links = below === undefined ? [] : ['00', '01'].map((Name) => ({ Name, Hash: below.cid, Tsize: 1 }))
    const bytes = dagPb.encode(dagPb.createNode(data, links))
    blocks.unshift({ cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes })
  }
  return blocks
}

function carOf(blocks: readonly Block[]): Uint8Array {
  const header = dagCbor.encode({ version: 1, roots: [blocks[0]!.cid] })
  const sections = blocks.map(({ cid, bytes }) => Buffer.concat([cid.bytes, bytes]))
  return Buffer.concat([header, ...sections].flatMap((section) => [lengthOf(section), section]))
}

function lengthOf({ length }: Uint8Array): Uint8Array {
  const bytes: number[] = []
  let left = length
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  return Uint8Array.of(...bytes, left)
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

if (import.meta.main) {
  const words = process.argv.slice(2)
  const at = words.indexOf('--rounds')
  const rounds = at < 0 ? 1 : Number(words.splice(at, 2)[1])
  for (let round = 1; round <= rounds; round++) {
    for (const [name, run] of Object.entries(damages)) {
      if (words.length > 0 && !words.includes(name)) continue
      const problem = await run().then(
        () => undefined,
        (error: unknown) => String(error),
      )
      console.log(
        `${round}: ${problem === undefined ? 'well' : 'BROKEN'}: ${name}${problem === undefined ? '' : `: ${problem}`}`,
      )
      if (problem !== undefined) process.exitCode = 1
    }
  }
}
