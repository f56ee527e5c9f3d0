/** What the embedded node has acknowledged is there after `kill -9` at any moment. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { systemRandom } from '../../../core/runtime/system.ts'
import { collect } from './dag-fixtures.ts'
import { crashTree } from './embedded-crash-trees.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'

const rounds = 6
/** ms from the start of the child to its end, at most. */
const longestLife = 500

test('pins and unpins outlive being killed at any moment, with all blocks whole', async () => {
  await using folder = await temporaryFolder()
  const pinned = new Set<number>()
  const unpinned = new Set<number>()
  let next = 0
  for (let round = 0; round < rounds; round++) {
    for (const [what, number] of await runAndKill(folder.path, next, systemRandom.float() * longestLife)) {
      if (what === 'unpinned') unpinned.add(number)
      // The others may have been unpinned just before the end.
      else if (number % 3 !== 0) pinned.add(number)
      // What was under way may be there or not; it is not used again.
      next = Math.max(next, number + 4)
    }
    await check(folder.path, pinned, unpinned)
  }
  expect(pinned.size).toBeGreaterThan(0)
}, 120_000)

/** What the child acknowledged. */
async function runAndKill(
  folder: string,
  from: number,
  life: number,
): Promise<['pinned' | 'unpinned', number][]> {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, 'embedded-crash-child.ts'), folder, String(from)],
    {
      stdout: 'pipe',
      stderr: 'inherit',
    },
  )
  const acknowledged: ['pinned' | 'unpinned', number][] = []
  for await (const line of createInterface({ input: Readable.fromWeb(child.stdout as never) })) {
    const [what, number] = line.split(' ')
    if (what === 'started') setTimeout(() => child.kill('SIGKILL'), life)
    else acknowledged.push([what as 'pinned', Number(number)])
  }
  await child.exited
  return acknowledged
}

async function check(folder: string, pinned: Set<number>, unpinned: Set<number>): Promise<void> {
  await using node = await startNode(folder)
  const collected = await collect(node.gc())
  expect(collected.filter(({ error }) => error !== undefined)).toEqual([])
  for (const number of pinned) {
    const { root, blocks } = await crashTree(number)
    expect(await node.pinState(root), `pin ${number}`).toBe('recursive')
    for (const { cid, bytes } of blocks) {
      const stored = await node.getBlock(cid, { signal: AbortSignal.timeout(1_000) })
      expect(Buffer.compare(stored, bytes), `block ${cid} of ${number}`).toBe(0)
    }
  }
  for (const number of unpinned) {
    expect(await node.pinState((await crashTree(number)).root), `unpin ${number}`).toBe('unpinned')
  }
}
