/** Rows that wait to be wanted in the order of their keys: they wait on disk. */
import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { RowSpool } from '../../../core/store/row-spool.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const MiB = 1024 * 1024
const row = (key: number, bytes = new Uint8Array(0)) => ({
  key: Uint8Array.of(key >> 8, key & 0xff),
  peer: 'peer',
  bytes,
})

test('rows come back in the order of their keys, the last of a key only', async () => {
  await using folder = await temporaryFolder()
  using spool = new RowSpool(folder.path)
  for (let key = 2_499; key >= 0; key--) spool.add(row(key))
  spool.add(row(7, Uint8Array.of(1)))
  const rows = [...spool.rows()]
  expect(rows.map(({ key }) => (key[0]! << 8) + key[1]!)).toEqual(
    Array.from({ length: 2_500 }, (_, key) => key),
  )
  expect(rows[7]!.bytes).toEqual(Uint8Array.of(1))
})

test('a spool without rows makes no file, and one with rows leaves none', async () => {
  await using folder = await temporaryFolder()
  {
    using spool = new RowSpool(folder.path)
    expect([...spool.rows()]).toEqual([])
  }
  using spool = new RowSpool(folder.path)
  spool.add(row(1, new Uint8Array(2 * MiB)))
  // It is open and has no name any more, so that no crash can leave it.
  expect(await readdir(folder.path)).toEqual([])
  expect([...spool.rows()]).toHaveLength(1)
})

test('500 MB of rows do not wait in memory', async () => {
  await using folder = await temporaryFolder()
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/row-spool-child.ts`, folder.path], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { rows, grown } = JSON.parse(await new Response(child.stdout).text())
  expect(rows).toBe(8_000)
  expect(grown).toBeLessThan(150 * MiB)
}, 120_000)
