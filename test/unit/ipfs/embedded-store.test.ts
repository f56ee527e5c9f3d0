/** What the embedded node does with its folder: damage, crashes, limits, and who may read it. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha1 } from 'multiformats/hashes/sha1'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { collect, directoryBlock, fileTree, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'

describe('the folder of the embedded node', () => {
  test('holds a key that only its owner may read, and the same peer ID after a restart', async () => {
    await using folder = await temporaryFolder()
    const first = await startNode(folder.path)
    const { id } = await first.id()
    await first[Symbol.asyncDispose]()
    expect((await stat(join(folder.path, 'key'))).mode & 0o777).toBe(0o600)
    await using second = await startNode(folder.path)
    expect((await second.id()).id).toBe(id)
  })

  test('holds nothing that others may read, also when an older program had left it open', async () => {
    await using folder = await temporaryFolder()
    const block = await rawBlock(filledBytes('for nobody else', 100_000))
    const first = await startNode(folder.path)
    await putAll(first, [block])
    await first[Symbol.asyncDispose]()
    await chmod(join(folder.path, 'index.db'), 0o644)
    await using _ = await startNode(folder.path)
    const open: string[] = []
    for (const name of await readdir(folder.path, { recursive: true })) {
      const { mode } = await stat(join(folder.path, name))
      if ((mode & 0o077) !== 0) open.push(`${name} ${(mode & 0o777).toString(8)}`)
    }
    expect(open).toEqual([])
  })

  test('with a broken key is refused, naming the file', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'key'), 'not a key')
    await expect(startNode(folder.path)).rejects.toThrow(join(folder.path, 'key'))
  })

  test('is refused to a second node while the first runs', async () => {
    await using folder = await temporaryFolder()
    await using _ = await startNode(folder.path)
    await expect(startNode(folder.path)).rejects.toThrow('in use by another process')
  })

  test('of a newer program is refused', async () => {
    await using folder = await temporaryFolder()
    await (await startNode(folder.path))[Symbol.asyncDispose]()
    const index = new Database(join(folder.path, 'index.db'))
    index.run("UPDATE meta SET value = 99 WHERE key = 'schema'")
    index.close()
    await expect(startNode(folder.path)).rejects.toThrow('version 99')
  })

  test('that cannot be written to is refused, naming it', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'a file')
    await writeFile(file, '')
    await expect(startNode(join(file, 'below'))).rejects.toThrow(file)
  })

  test('loses what a crash left behind half-written, and keeps the rest', async () => {
    await using folder = await temporaryFolder()
    const block = await rawBlock(filledBytes('before the crash', 100_000))
    const first = await startNode(folder.path)
    await putAll(first, [block])
    await first[Symbol.asyncDispose]()
    const files = join(folder.path, 'files', '0')
    const [kept] = await readdir(files)
    await writeFile(join(files, `7.${kept!.split('.')[1]}`), 'half of a block')
    await using second = await startNode(folder.path)
    expect(await readdir(files)).toEqual([kept!])
    expect(await second.getBlock(block.cid)).toEqual(block.bytes)
  })

  test('gives the room of removed blocks back', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path)
    const small = await fileTree('small garbage', 2_000, 1_000)
    const large = await fileTree('large garbage', 20, 200_000)
    await putAll(node, [...small.leaves, ...large.leaves])
    const before = await bytesIn(folder.path)
    expect((await collect(node.gc())).length).toBe(2_020)
    expect(await readdir(join(folder.path, 'files', '0')).catch(() => [])).toEqual([])
    expect((await node.repoStat()).size).toBe(0)
    await node[Symbol.asyncDispose]()
    expect(await bytesIn(folder.path)).toBeLessThan(before / 5)
  })
})

describe('a block of the embedded node', () => {
  for (const [name, damage] of [
    ['whose file has other bytes', (file: string) => writeFile(file, 'other bytes')],
    ['whose file is empty', (file: string) => writeFile(file, '')],
    ['whose file is gone', async (file: string) => Bun.file(file).delete()],
  ] as const) {
    test(`${name} is never given out, and is fetched again`, async () => {
      await using folder = await temporaryFolder()
      await using otherFolder = await temporaryFolder()
      await using node = await startNode(folder.path)
      await using other = await startNode(otherFolder.path)
      const block = await rawBlock(filledBytes(name, 100_000))
      await putAll(node, [block])
      await putAll(other, [block])
      const files = join(folder.path, 'files', '0')
      const file = join(files, (await readdir(files))[0]!)
      await chmod(file, 0o600)
      await damage(file)
      await expectIpfsError(node.getBlock(block.cid, { signal: AbortSignal.timeout(200) }), 'aborted')
      await node.connect((await other.id()).addresses[0]!)
      expect(await node.getBlock(block.cid)).toEqual(block.bytes)
    })
  }

  test('is the same block under CIDv0 and CIDv1, and under another codec', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path)
    const block = await directoryBlock({}, 0)
    await putAll(node, [block])
    expect(await node.getBlock(block.cid.toV1())).toEqual(block.bytes)
    expect(await node.getBlock(CID.createV1(0x55, block.cid.multihash))).toEqual(block.bytes)
    expect((await node.repoStat()).size).toBe(block.bytes.length)
  })

  test('that is inside of its CID needs no room', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path)
    const bytes = textBytes('inline').slice(0, 30)
    const inline = { cid: CID.createV1(0x55, identity.digest(bytes)), bytes }
    const root = await directoryBlock({ inline })
    await putAll(node, [inline, root])
    await node.pin(root.cid, pinOptions())
    expect(await node.getBlock(inline.cid)).toEqual(bytes)
    expect((await node.repoStat()).size).toBe(root.bytes.length)
  })

  test('that cannot be checked or is too large is refused, saying why', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path)
    const large = await rawBlock(new Uint8Array(4 * 1024 * 1024 + 1))
    expect((await expectIpfsError(putAll(node, [large]), 'failed')).message).toContain('4194304')
    const { multihash } = (await rawBlock(textBytes('unknown'))).cid
    const unknown = { cid: CID.createV1(0x55, { ...multihash, code: 0xd5 }), bytes: new Uint8Array() }
    expect((await expectIpfsError(putAll(node, [unknown]), 'failed')).message).toContain('0xd5')
    const weak: IpfsBlock = await rawBlock(textBytes('sha1'), sha1)
    await putAll(node, [weak])
    expect(await node.getBlock(weak.cid)).toEqual(weak.bytes)
  })
})

describe('an embedded node that is full', () => {
  test('refuses blocks and pins, naming the setting, and takes them again after a collection', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path, { storageMax: 1_000_000 })
    const { root, leaves } = await fileTree('fills it', 9, 100_000)
    const more = await fileTree('more', 5, 100_000)
    await putAll(node, [...leaves, root])
    await node.pin(root.cid, pinOptions())
    expect((await node.repoStat()).max).toBe(1_000_000)
    const error = await expectIpfsError(putAll(node, more.leaves), 'failed')
    expect(error.message).toContain('storage_max')
    expect((await node.repoStat()).size).toBeLessThanOrEqual(1_000_000)
    await node.unpin(root.cid)
    await collect(node.gc())
    await putAll(node, [...more.leaves, more.root])
    await node.pin(more.root.cid, pinOptions())
    expect(await node.pinState(more.root.cid)).toBe('recursive')
  })
})

describe('an embedded node that is full of garbage', () => {
  test('makes room by itself', async () => {
    await using folder = await temporaryFolder()
    await using node = await startNode(folder.path, { storageMax: 1_000_000 })
    const kept = await fileTree('kept', 2, 100_000)
    const garbage = await fileTree('garbage', 6, 100_000)
    const more = await fileTree('more', 5, 100_000)
    await putAll(node, [...kept.leaves, kept.root])
    await node.pin(kept.root.cid, pinOptions())
    await putAll(node, garbage.leaves)
    await putAll(node, [...more.leaves, more.root])
    await node.pin(more.root.cid, pinOptions())
    for (const { cid, bytes } of [...kept.leaves, ...more.leaves])
      expect(await node.getBlock(cid)).toEqual(bytes)
  })
})

/** As the file system counts them. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder, { recursive: true })) {
    const { size } = await stat(join(folder, name))
    bytes += size
  }
  return bytes + (await readFile(join(folder, 'key'))).length
}
