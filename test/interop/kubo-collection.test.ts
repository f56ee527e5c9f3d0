/** Garbage collection of a real Kubo beside writes: nobody waits for it before it runs, and it removes nothing that is to be pinned. */
import { expect, test } from 'bun:test'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import type { IpfsBlock } from '../../core/runtime/ipfs.ts'
import { caseTimeout, expectIpfsError, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { collect, each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

await describeWithGo('a collection of garbage', ({ path }) => {
  test(
    'begins as soon as what was written is pinned, and keeps it',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      // The grace of an hour would be in the way if it was waited for.
      await using ipfs = createKubo({ address: node.api, gcGrace: 3_600_000, runtime: quietRuntime() })
      const { root, leaves } = await fileTree('pinned after it was written', 20)
      const garbage = await node.add(new Uint8Array(1_000).fill(7), '--raw-leaves')
      await ipfs.putBlocks(each([...leaves, root]), { roots: () => [root.cid] })
      await ipfs.pin(root.cid, pinOptions())
      // Besides that, Kubo has a block or two of its own that no pin holds.
      expect((await collect(ipfs.gc())).length).toBeGreaterThanOrEqual(1)
      expect(await node.ipfs('refs', 'local')).not.toContain(garbage)
      for (const { cid, bytes } of leaves) expect(await ipfs.getBlock(cid)).toEqual(bytes)
      // The same again, whose pin is there already and which nobody pins once more.
      await ipfs.putBlocks(each([...leaves, root]), { roots: () => [root.cid] })
      expect(await collect(ipfs.gc())).toEqual([])
    },
    caseTimeout,
  )

  test(
    'that meets a long upload fails with what it waited for, and other uploads go on meanwhile',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, gcPatience: 2_000, runtime: quietRuntime() })
      const { root, leaves } = await fileTree('a long upload', 5)
      const release = Promise.withResolvers<void>()
      async function* slow(): AsyncGenerator<IpfsBlock> {
        yield* leaves
        await release.promise
        yield root
      }
      const upload = ipfs.putBlocks(slow(), { roots: () => [root.cid] })
      const collection = expectIpfsError(collect(ipfs.gc()), 'failed')
      const other = await fileTree('another upload', 5)
      await ipfs.putBlocks(each([...other.leaves, other.root]), { roots: () => [other.root.cid] })
      await ipfs.pin(other.root.cid, pinOptions())
      expect((await collection).message).toContain('was not begun: 1 upload of blocks to it still ran')
      release.resolve()
      await upload
      await ipfs.pin(root.cid, pinOptions())
      await collect(ipfs.gc())
      for (const { cid, bytes } of [...leaves, ...other.leaves])
        expect(await ipfs.getBlock(cid)).toEqual(bytes)
    },
    caseTimeout,
  )
})
