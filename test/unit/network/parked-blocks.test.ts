import { describe, expect, test } from 'bun:test'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openParkedBlocks } from '../../../core/network/parked-blocks.ts'
import { putBlock } from '../../support/crdt-blocks.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** 64 KiB each: 16 MiB of memory hold 256 of them. */
const blocks = Array.from({ length: 600 }, (_, index) =>
  putBlock('/k', `${index}`.padEnd(64 * 1024, '.'), index + 1),
)

describe('parked blocks', () => {
  test('come back from memory and from the file, which nobody else may read, and are gone when they are deleted', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'parked.sqlite')
    using parked = openParkedBlocks(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    for (const { cid, bytes } of blocks) parked.put(cid, bytes)
    for (const { cid, bytes } of blocks) expect(Buffer.compare(parked.get(cid)!, bytes)).toBe(0)
    parked.delete(blocks.slice(0, 590).map(({ cid }) => cid))
    expect(blocks.filter(({ cid }) => parked.get(cid) !== undefined)).toHaveLength(10)
    parked.delete(blocks.map(({ cid }) => cid))
    expect(parked.get(blocks.at(-1)!.cid)).toBeUndefined()
  })

  test('are no more than those of this process', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'parked.sqlite')
    writeFileSync(path, 'what a killed process left, torn')
    {
      using parked = openParkedBlocks(path)
      expect(parked.get(blocks[0]!.cid)).toBeUndefined()
      parked.put(blocks[0]!.cid, blocks[0]!.bytes)
      parked.put(blocks[0]!.cid, blocks[0]!.bytes)
    }
    expect(existsSync(path)).toBe(false)
  })
})
