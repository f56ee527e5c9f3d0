/** What the embedded node says and keeps when parts of its folder are lost, damaged or of another time. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import type { IpfsBlock, IpfsPinDoubt } from '../../../core/runtime/ipfs.ts'

import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { collect, directoryBlock, fileTree, filledBytes, rawBlock } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'
import { eventually } from './scripted-kubo.ts'

/** Blocks of this size are files. */
const large = 50_000

let stack: AsyncDisposableStack
let top: string
let folder: string
let node: EmbeddedIpfs

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  top = stack.use(await temporaryFolder()).path
  folder = join(top, 'node')
  node = stack.use(await startNode(folder))
})
afterEach(() => stack.disposeAsync())

describe('an embedded node that starts', () => {
  test('without its index takes in all block files, under another repository name and without pins', async () => {
    const { root, leaves } = await fileTree('lost index', 3, large)
    await putAndPin([root, ...leaves])
    const before = await node.id()
    const files = await blockFiles()
    await restart(() => removeIndex())
    expect(await blockFiles()).toEqual(files)
    const after = await node.id()
    expect(after.id).toBe(before.id)
    expect(after.repository).not.toBe(before.repository)
    for (const { cid, bytes } of leaves) expect(await node.getBlock(cid)).toEqual(bytes)
    expect(await collect(node.pins())).toEqual([])
    expect(await node.pinState(root.cid)).toBe('unpinned')
    // The root is small and went with the index.
    await expectNotHere(root.cid)
    expect((await node.repoStat()).size).toBe(3 * large)
  })

  test('with an index that is no database is refused, and told to move it away, which works', async () => {
    const block = await large1('beside a damaged index')
    await putAll(node, [block])
    await node[Symbol.asyncDispose]()
    await removeIndex()
    await writeFile(join(folder, 'index.db'), 'no database'.repeat(1_000))
    await expect(startNode(folder)).rejects.toThrow('move it away')
    await removeIndex()
    node = stack.use(await startNode(folder))
    expect(await node.getBlock(block.cid)).toEqual(block.bytes)
  })

  test('without its index keeps what it took in from garbage collection, so that pins can be made again', async () => {
    const { root, leaves } = await fileTree('rebuilt and collected', 2, large)
    await putAndPin([root, ...leaves])
    await restart(() => removeIndex())
    expect(await collect(node.gc())).toEqual([])
    for (const { cid, bytes } of leaves) expect(await node.getBlock(cid)).toEqual(bytes)
  })

  test('without its index sets damaged files aside, and takes in the others', async () => {
    const [good, bad] = [await large1('good'), await large1('bad')]
    await putAll(node, [good, bad])
    await restart(async () => {
      await removeIndex()
      await writeFile(await fileOf(bad), 'other bytes')
    })
    expect(await node.getBlock(good.cid)).toEqual(good.bytes)
    await expectNotHere(bad.cid)
    expect((await blockFiles()).length).toBe(1)
    expect(await readdir(join(folder, 'damaged'))).toHaveLength(1)
    await putAll(node, [bad])
    expect(await node.getBlock(bad.cid)).toEqual(bad.bytes)
  })

  test('without its index, made by an older program, sets damaged files aside too', async () => {
    const [good, bad] = [await large1('older and good'), await large1('older and bad')]
    await putAll(node, [good, bad])
    await restart(async () => {
      await removeIndex()
      await rm(join(folder, 'openings'))
      await writeFile(await fileOf(bad), 'other bytes')
    })
    expect(await node.getBlock(good.cid)).toEqual(good.bytes)
    expect(await readdir(join(folder, 'damaged'))).toHaveLength(1)
    expect(await collect(node.gc())).toEqual([])
  })

  test('takes in whole files that a write which was cut off had left, and removes those half-written', async () => {
    const [first, second] = [await large1('written and indexed'), await large1('written, not indexed')]
    await putAll(node, [first])
    const { repository } = await node.id()
    await restart(async () => {
      const names = (await blockFiles()).map((name) => name.split('/')[1]!)
      const { base32 } = await import('multiformats/bases/base32')
      const late = `${base32.baseEncode(second.cid.multihash.bytes)}`
      await writeFile(join(folder, 'files', '0', `5.${late}`), second.bytes)
      await writeFile(join(folder, 'files', '0', `6.${late}`), second.bytes)
      await writeFile(join(folder, 'files', '0', `7.${names[0]!.split('.')[1]}`), 'half of a block')
    })
    expect(await blockFiles()).toHaveLength(2)
    expect(await node.getBlock(second.cid)).toEqual(second.bytes)
    expect((await node.id()).repository).toBe(repository!)
    const third = await large1('after it')
    await putAll(node, [third])
    expect((await blockFiles()).map((name) => name.split(/[/.]/)[1])).toEqual(['1', '5', '8'])
  })

  test('with the index of yesterday takes in what came since, and is another repository', async () => {
    const old = await large1('yesterday')
    await putAndPin([old])
    await restart(() => cp(join(folder, 'index.db'), join(top, 'index of yesterday')))
    const since = await fileTree('since yesterday', 3, large)
    await putAndPin([since.root, ...since.leaves])
    const { repository } = await node.id()
    await restart(async () => {
      await removeIndex()
      await cp(join(top, 'index of yesterday'), join(folder, 'index.db'))
    })
    expect((await node.id()).repository).not.toBe(repository)
    for (const { cid, bytes } of [old, ...since.leaves]) expect(await node.getBlock(cid)).toEqual(bytes)
    expect(node.proof!.doubt(old.cid)).toBe('in-doubt')
    expect(await node.pinState(old.cid)).toBe('recursive')
    expect(node.proof!.doubt(old.cid)).toBeUndefined()
    expect(await node.pinState(since.root.cid)).toBe('unpinned')
  })

  test('with the index of yesterday does not believe in files that are gone', async () => {
    const gone = await large1('collected since yesterday')
    await putAndPin([gone])
    await restart(() => cp(join(folder, 'index.db'), join(top, 'index of yesterday')))
    await node.unpin(gone.cid)
    expect((await collect(node.gc())).length).toBe(1)
    await restart(async () => {
      await removeIndex()
      await cp(join(top, 'index of yesterday'), join(folder, 'index.db'))
    })
    expect(await node.pinState(gone.cid)).toBe('unpinned')
    expect((await node.repoStat()).size).toBe(0)
  })

  test('with its own index is the same repository, doubts nothing, and keeps its pins', async () => {
    const block = await large1('as it was')
    await putAndPin([block])
    const { repository } = await node.id()
    await restart(async () => {})
    expect((await node.id()).repository).toBe(repository!)
    expect(node.proof!.doubt(block.cid)).toBeUndefined()
    expect(await collect(node.pins())).toHaveLength(1)
  })

  test('with an index of the first version keeps blocks, pins and identity', async () => {
    const block = await large1('of the first version')
    await putAndPin([block])
    await restart(async () => {
      const index = new Database(join(folder, 'index.db'))
      index.run('DROP INDEX pins_flawed')
      index.run('ALTER TABLE pins DROP COLUMN proven')
      index.run('ALTER TABLE pins DROP COLUMN flaw')
      index.run("DELETE FROM meta WHERE key IN ('doubt', 'proven', 'repository', 'openings')")
      index.run("UPDATE meta SET value = 1 WHERE key = 'schema'")
      index.close()
      await rm(join(folder, 'openings'))
    })
    expect((await node.id()).repository).toBeUndefined()
    expect(await node.pinState(block.cid)).toBe('recursive')
    expect(await node.getBlock(block.cid)).toEqual(block.bytes)
  })
})

describe('a stored block of the embedded node that is found', () => {
  test.each([
    ['damaged', (file: string) => writeFile(file, 'other bytes')],
    ['missing', (file: string) => rm(file)],
  ])('%s makes all pins doubtful at once, and the pin that holds it incomplete', async (_, damage) => {
    const [hit, spared] = [await fileTree('hit', 2, large), await fileTree('spared', 2, large)]
    await putAndPin([hit.root, ...hit.leaves])
    await putAndPin([spared.root, ...spared.leaves])
    await damage(await fileOf(hit.leaves[1]!))
    expect(doubts(hit.root, spared.root)).toEqual([undefined, undefined])
    await expectNotHere(hit.leaves[1]!.cid)
    expect(doubts(hit.root, spared.root)).toEqual(['in-doubt', 'in-doubt'])
    expect(await node.pinState(spared.root.cid)).toBe('recursive')
    expect(await node.pinState(hit.root.cid)).toBe('unpinned')
    expect(doubts(hit.root, spared.root)).toEqual(['incomplete', undefined])
    expect((await collect(node.pins())).map(({ cid }) => cid.toString())).toEqual([
      spared.root.cid.toString(),
    ])
  })

  test('is fetched again by a pin of what holds it, which is whole then', async () => {
    const { root, leaves } = await fileTree('made whole', 3, large)
    await putAndPin([root, ...leaves])
    await loseBlock(leaves[2]!)
    const other = stack.use(await startNode(join(top, 'other')))
    await putAll(other, [root, ...leaves])
    await node.connect((await other.id()).addresses[0]!)
    await node.pin(root.cid, pinOptions())
    await other[Symbol.asyncDispose]()
    expect(await node.pinState(root.cid)).toBe('recursive')
    expect(doubts(root)).toEqual([undefined])
    expect(await node.getBlock(leaves[2]!.cid)).toEqual(leaves[2]!.bytes)
  })

  test('lost is told of each pin that holds it, also of those that share the folder it is in', async () => {
    const { root, leaves } = await fileTree('shared', 3, large)
    const above = await Promise.all([1, 2, 3].map((number) => directoryBlock({ [`${number}`]: root })))
    const other = await fileTree('not shared', 2, large)
    await putAll(node, [root, ...leaves, ...above, other.root, ...other.leaves])
    for (const { cid } of [...above, other.root]) await node.pin(cid, pinOptions())
    await node.pin(leaves[0]!.cid, pinOptions({ mode: 'direct' }))
    await node.pin(leaves[1]!.cid, pinOptions({ mode: 'direct' }))
    const told = watch()
    await loseBlock(leaves[0]!)
    const holders = [...above.map(({ cid }) => cid), leaves[0]!.cid].map(String).sort()
    await eventually(() => !doubts(other.root, ...above, ...leaves).includes('in-doubt'))
    expect([...told].sort()).toEqual(holders)
    expect(doubts(...above, leaves[0]!)).toEqual(['incomplete', 'incomplete', 'incomplete', 'incomplete'])
    expect(doubts(other.root, leaves[1]!)).toEqual([undefined, undefined])
  })

  test('lost is still known after a restart, and told again', async () => {
    const block = await large1('known after a restart')
    await putAndPin([block])
    await loseBlock(block)
    expect(await node.pinState(block.cid)).toBe('unpinned')
    await restart(async () => {})
    expect(doubts(block)).toEqual(['incomplete'])
    const told = watch()
    await eventually(() => told.size > 0)
    expect([...told]).toEqual([block.cid.toString()])
  })

  test('lost while a look at the pins was cut off by a restart leaves them in doubt', async () => {
    const block = await large1('in doubt after a restart')
    const whole = await large1('whole after a restart')
    await putAndPin([block])
    await putAndPin([whole])
    await loseBlock(block)
    await restart(async () => {})
    expect(doubts(block, whole)).toEqual(['in-doubt', 'in-doubt'])
    watch()
    await eventually(() => doubts(whole)[0] === undefined && doubts(block)[0] === 'incomplete')
  })

  test('damaged is not seen until it is read; a pin that is suspected has all its blocks read', async () => {
    const { root, leaves } = await fileTree('suspected', 3, large)
    await putAndPin([root, ...leaves])
    const told = watch()
    await writeFile(await fileOf(leaves[1]!), 'other bytes')
    expect(await node.pinState(root.cid)).toBe('recursive')
    await node.proof!.suspect(root.cid)
    await eventually(() => told.size > 0)
    expect(doubts(root)).toEqual(['incomplete'])
  })

  test('sound is proven again after a suspicion, and what is not pinned cannot be suspected', async () => {
    const { root, leaves } = await fileTree('sound', 3, large)
    await putAndPin([root, ...leaves])
    await node.proof!.suspect(leaves[0]!.cid)
    await node.proof!.suspect(root.cid)
    expect(doubts(root, leaves[0]!)).toEqual(['in-doubt', undefined])
    watch()
    await eventually(() => doubts(root)[0] === undefined)
    expect(await node.pinState(root.cid)).toBe('recursive')
  })
})

async function large1(name: string): Promise<IpfsBlock> {
  return rawBlock(filledBytes(name, large))
}

/** Pins the first. */
async function putAndPin(blocks: IpfsBlock[]): Promise<void> {
  await putAll(node, blocks)
  await node.pin(blocks[0]!.cid, pinOptions())
}

async function restart(meanwhile: () => Promise<unknown>): Promise<void> {
  await node[Symbol.asyncDispose]()
  await meanwhile()
  node = stack.use(await startNode(folder))
}

async function removeIndex(): Promise<void> {
  for (const name of ['index.db', 'index.db-wal', 'index.db-shm'])
    await rm(join(folder, name), { force: true })
}

/** Below `files/`. */
async function blockFiles(): Promise<string[]> {
  const found: string[] = []
  for (const number of await readdir(join(folder, 'files')))
    for (const name of await readdir(join(folder, 'files', number))) found.push(`${number}/${name}`)
  return found.sort()
}

async function fileOf({ cid }: IpfsBlock): Promise<string> {
  const { base32 } = await import('multiformats/bases/base32')
  const end = `.${base32.baseEncode(cid.multihash.bytes)}`
  return join(folder, 'files', (await blockFiles()).find((name) => name.endsWith(end))!)
}

async function loseBlock(block: IpfsBlock): Promise<void> {
  await rm(await fileOf(block))
  await expectNotHere(block.cid)
}

async function expectNotHere(cid: CID): Promise<void> {
  await expectIpfsError(node.getBlock(cid, { signal: AbortSignal.timeout(200) }), 'aborted')
}

function doubts(...blocks: IpfsBlock[]): (IpfsPinDoubt | undefined)[] {
  return blocks.map(({ cid }) => node.proof!.doubt(cid))
}

/** The pins that are told as incomplete from now on. */
function watch(): Set<string> {
  const told = new Set<string>()
  stack.use(node.proof!.watch((cid) => told.add(cid.toString())))
  return told
}
