import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RemovedPeers } from '../../../core/peer/removed-peers.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { peerOf } from '../store/fixtures.ts'

const [one, two] = [peerOf('one'), peerOf('two')]

describe('removed peers', () => {
  test('are remembered until they are taken in again', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'removed-peers')
    const peers = await RemovedPeers.open(file)
    expect(await Promise.all([peers.add(one), peers.add(two), peers.add(one)])).toEqual([true, true, false])
    const again = await RemovedPeers.open(file)
    expect([again.has(one), again.has(two), again.has(peerOf('three'))]).toEqual([true, true, false])
    expect(await again.delete(one)).toBe(true)
    expect(await again.delete(one)).toBe(false)
    const last = await RemovedPeers.open(file)
    expect([last.has(one), last.has(two)]).toEqual([false, true])
  })
  test('leave no file when there are none', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'removed-peers')
    const peers = await RemovedPeers.open(file)
    await peers.add(one)
    expect(existsSync(file)).toBe(true)
    await peers.delete(one)
    expect(existsSync(file)).toBe(false)
  })
  test('of a file with a line that is no peer ID are refused, with the line', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'removed-peers')
    await writeFile(file, `${one}\nnobody\n`)
    await expect(RemovedPeers.open(file)).rejects.toThrow(`${file}, line 2: "nobody" is no peer ID`)
  })
})
