/** Garbage collection of the embedded node beside adds, pins and unpins: it never takes what is pinned, and leaves nothing else. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import type { EmbeddedIpfs } from '../../core/ipfs/embedded/embedded-ipfs.ts'
import { IpfsStallError } from '../../core/ipfs/errors.ts'
import { pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { collect, each } from '../unit/ipfs/dag-fixtures.ts'
import { crashTree } from '../unit/ipfs/embedded-crash-trees.ts'
import { startNode, temporaryFolder } from '../unit/ipfs/embedded-node.ts'

/** What happens to one tree, step by step. Trees with neighbouring numbers share blocks. */
interface Life {
  tree: number
  /** Turns of the event loop before each step. */
  pauses: number[]
  /** Puts all blocks in one call, or each in its own. */
  oneCall: boolean
  mode: 'recursive' | 'direct'
  unpinned: boolean
  /** Put and pinned once more; or only pinned, which works as long as its blocks are still here. */
  again: 'no' | 'put' | 'pinned'
}

const life: fc.Arbitrary<Life> = fc.record({
  tree: fc.integer({ min: 0, max: 7 }),
  pauses: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 8, maxLength: 8 }),
  oneCall: fc.boolean(),
  mode: fc.constantFrom('recursive', 'direct'),
  unpinned: fc.boolean(),
  again: fc.constantFrom('no', 'put', 'pinned'),
})

/** Grace for blocks that wait for their pin, ms; what the lives below need is far less. */
const gcGrace = 60_000

test('beside adds, pins and unpins, a collection keeps what is pinned, and a last one leaves nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(life, { minLength: 1, maxLength: 6, selector: ({ tree }) => tree }),
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 6 }),
      async (lives, collections) => {
        await using folder = await temporaryFolder()
        await using node = await startNode(folder.path, { gcGrace })
        const ends = lives.map((each) => live(node, each))
        const collecting = collections.map(async (turns) => {
          await pause(turns)
          for (const { error } of await collect(node.gc())) expect(error).toBeUndefined()
        })
        const kept = (await Promise.all(ends)).flat()
        await Promise.all(collecting)
        await expectAll(node, kept)
        await node[Symbol.asyncDispose]()
        await using later = await startNode(folder.path, { gcGrace: 0 })
        await collect(later.gc())
        await expectAll(later, kept)
        const bytes = new Map(kept.map(({ cid, bytes }) => [cid.toString(), bytes.length]))
        expect((await later.repoStat()).size).toBe([...bytes.values()].reduce((sum, size) => sum + size, 0))
      },
    ),
    { numRuns: 25 },
  )
}, 120_000)

/** Resolves with the blocks that are pinned at its end. */
async function live(node: EmbeddedIpfs, { tree, pauses, oneCall, mode, unpinned, again }: Life) {
  const { root, blocks } = await crashTree(tree)
  const steps = [...pauses]
  const step = () => pause(steps.shift() ?? 0)
  await step()
  if (oneCall) await node.putBlocks(each(blocks))
  else {
    for (const block of blocks) {
      await step()
      await node.putBlocks(each([block]))
    }
  }
  await step()
  await node.pin(root, pinOptions({ mode, stallTimeout: 3_000 }))
  if (unpinned) {
    await step()
    await node.unpin(root)
    if (again === 'no') return []
    await step()
    if (again === 'put') await node.putBlocks(each(blocks))
    const pin = node.pin(root, pinOptions({ mode, stallTimeout: again === 'put' ? 3_000 : 100 }))
    // Nothing protected it meanwhile: it may have been collected.
    if (again === 'pinned' && (await pin.catch((error) => error)) instanceof IpfsStallError) return []
    await pin
  }
  return mode === 'recursive' ? blocks : blocks.filter(({ cid }) => cid.equals(root))
}

async function expectAll(node: EmbeddedIpfs, blocks: { cid: CID; bytes: Uint8Array }[]): Promise<void> {
  for (const { cid, bytes } of blocks) {
    const stored = await node.getBlock(cid, { signal: AbortSignal.timeout(2_000) })
    expect(Buffer.compare(stored, bytes)).toBe(0)
  }
}

async function pause(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
