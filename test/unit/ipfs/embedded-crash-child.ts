/**
 * The victim of `embedded-crash.test.ts`: pins, unpins and collects garbage without end and says what was acknowledged, one
 * line each: `pinned <n>`, `unpinned <n>`. What is pinned follows from the number alone (`crashTree`).
 */

import { pinOptions } from './compliance-calls.ts'
import { collect, each } from './dag-fixtures.ts'
import { crashTree } from './embedded-crash-trees.ts'
import { startNode } from './embedded-node.ts'

const [folder, from] = process.argv.slice(2)
const node = await startNode(folder!)
process.stdout.write('started\n')

/** Every third tree is unpinned again; garbage is collected all the time. */
async function work(first: number): Promise<never> {
  for (let number = first; ; number += 2) {
    const { root, blocks } = await crashTree(number)
    await node.putBlocks(each(blocks))
    await node.pin(root, pinOptions())
    process.stdout.write(`pinned ${number}\n`)
    if (number % 3 !== 0) continue
    await node.unpin(root)
    process.stdout.write(`unpinned ${number}\n`)
  }
}

async function collectForEver(): Promise<never> {
  for (;;) {
    await collect(node.gc())
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all([work(Number(from)), work(Number(from) + 1), collectForEver()])
