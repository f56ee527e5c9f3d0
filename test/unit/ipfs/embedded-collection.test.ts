/** Garbage collection of the embedded node, held at the moments at which something else happens. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import type { IpfsBlock, IpfsGcRow } from '../../../core/runtime/ipfs.ts'
import { pinOptions, putAll } from './compliance-calls.ts'
import { collect, directoryBlock, fileTree, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'

/** More than one step of a collection removes. */
const manyBlocks = 1_200

describe('a collection', () => {
  let stack: AsyncDisposableStack
  let folder: string
  let node: EmbeddedIpfs
  let other: EmbeddedIpfs

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    folder = stack.use(await temporaryFolder()).path
    node = stack.use(await startNode(join(folder, 'node')))
    other = stack.use(await startNode(join(folder, 'other')))
  })
  afterEach(() => stack.disposeAsync())

  test('keeps what a pin that still waits for a block has so far', async () => {
    const { root, leaves } = await fileTree('waiting', 3)
    await putAll(node, [root, ...leaves.slice(1)])
    const two = Promise.withResolvers<void>()
    const onProgress = ({ blocks }: { blocks: number }) => void (blocks === 3 && two.resolve())
    const pin = node.pin(root.cid, pinOptions({ onProgress }))
    await two.promise
    expect(await removed(node.gc())).toEqual([])
    await putAll(other, [leaves[0]!])
    await node.connect((await other.id()).addresses[0]!)
    await pin
    await expectHere(node, [root, ...leaves])
  })

  test('under way spares what is pinned before it gets there', async () => {
    const { root, leaves } = await fileTree('rescued', 3)
    const rows = await beginAmongGarbage([root, ...leaves])
    await node.pin(root.cid, pinOptions())
    await collectRest(rows)
    await expectHere(node, [root, ...leaves])
  })

  test('under way spares what is fetched meanwhile', async () => {
    const { root, leaves } = await fileTree('fetched meanwhile', 3)
    await putAll(other, [root, ...leaves])
    await node.connect((await other.id()).addresses[0]!)
    const rows = await beginAmongGarbage([])
    await node.pin(root.cid, pinOptions())
    await collectRest(rows)
    await other[Symbol.asyncDispose]()
    await expectHere(node, [root, ...leaves])
  })

  test('spares garbage that is put again by a call that still runs', async () => {
    const again = await rawBlock(textBytes('put again'))
    await putAll(node, [again])
    const more = Promise.withResolvers<void>()
    const taken = Promise.withResolvers<void>()
    async function* source(): AsyncGenerator<IpfsBlock> {
      yield again
      taken.resolve()
      await more.promise
    }
    const put = node.putBlocks(source())
    await taken.promise
    expect(await removed(node.gc())).toEqual([])
    more.resolve()
    await put
    await expectHere(node, [again])
  })

  test('keeps blocks that were put without a pin for the grace, and no longer than until they are pinned', async () => {
    await node[Symbol.asyncDispose]()
    await using patient = await startNode(join(folder, 'node'), { gcGrace: 60_000 })
    const { root, leaves } = await fileTree('fresh', 3)
    await putAll(patient, [root, ...leaves])
    expect(await removed(patient.gc())).toEqual([])
    await patient.pin(root.cid, pinOptions())
    await patient.unpin(root.cid)
    expect((await removed(patient.gc())).length).toBe(4)
  })

  test('keeps what another pin shares', async () => {
    const shared = await rawBlock(textBytes('shared'))
    const own = await rawBlock(textBytes('own'))
    const first = await directoryBlock({ shared, own })
    const second = await directoryBlock({ shared })
    await putAll(node, [shared, own, first, second])
    await node.pin(first.cid, pinOptions())
    await node.pin(second.cid, pinOptions())
    await node.unpin(first.cid)
    const gone = await removed(node.gc())
    expect(gone.sort()).toEqual([first, own].map(({ cid }) => cid.toString()).sort())
    await expectHere(node, [shared, second])
  })

  test('removes nothing when a pinned DAG has lost a node, and says which pin', async () => {
    const leaf = await rawBlock(filledBytes('below', 50_000))
    const names = Array.from({ length: 400 }, (_, i) => [`a rather long name of a link ${i}`, leaf] as const)
    const inner = await directoryBlock(Object.fromEntries(names))
    const root = await directoryBlock({ inner })
    await putAll(node, [leaf, inner, root, await rawBlock(textBytes('garbage'))])
    await node.pin(root.cid, pinOptions())
    const files = join(folder, 'node', 'files', '0')
    for (const name of await readdir(files)) await unlink(join(files, name))
    // The first one finds out, the second knows it already.
    for (let round = 0; round < 2; round++) {
      const rows = await collect(node.gc())
      expect(rows.length).toBe(1)
      expect(rows[0]!.error).toContain(root.cid.toString())
    }
    await expectHere(node, [root])
  })

  test('waits for the one before it', async () => {
    const rows = await beginAmongGarbage([])
    const second = removed(node.gc())
    await collectRest(rows)
    expect(await second).toEqual([])
  })

  test('may be left half-way', async () => {
    const rows = await beginAmongGarbage([])
    await rows.return?.()
    expect((await removed(node.gc())).length).toBe(manyBlocks - 1_000)
  })

  /** Puts more garbage than one step removes, then `behind`; begins a collection and resolves after its first step. */
  async function beginAmongGarbage(behind: IpfsBlock[]): Promise<AsyncIterator<IpfsGcRow>> {
    const garbage = Array.from({ length: manyBlocks }, (_, i) => rawBlock(textBytes(`garbage ${i}`)))
    await putAll(node, [...(await Promise.all(garbage)), ...behind])
    const rows = node.gc()[Symbol.asyncIterator]()
    expect((await rows.next()).value?.error).toBeUndefined()
    return rows
  }
})

async function removed(rows: AsyncIterable<IpfsGcRow>): Promise<string[]> {
  const all = await collect(rows)
  expect(all.filter(({ error }) => error !== undefined)).toEqual([])
  return all.map(({ cid }) => cid!.toString())
}

async function collectRest(rows: AsyncIterator<IpfsGcRow>): Promise<void> {
  for (let row = await rows.next(); !row.done; row = await rows.next())
    expect(row.value.error).toBeUndefined()
}

async function expectHere(node: EmbeddedIpfs, blocks: IpfsBlock[]): Promise<void> {
  for (const { cid, bytes } of blocks) {
    expect(await node.getBlock(cid, { signal: AbortSignal.timeout(2_000) })).toEqual(bytes)
  }
}
