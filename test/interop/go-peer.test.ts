/** The rig itself: a peer of the original starts, pins on a real Kubo, and tells so. */
import { expect, test } from 'bun:test'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { KuboNode } from './rig/kubo.ts'

await describeWithGo('a peer of the original', ({ path }) => {
  test(
    'pins on its Kubo what we put there',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      await using peer = await GoPeer.create({ path, ipfs: node.api })
      await peer.start()
      const { root, leaves } = await fileTree('pinned by the original', 3)
      await ipfs.putBlocks(each([root, ...leaves]))
      expect(await peer.ctl('pin', 'add', '--wait', '--wait-timeout', '20s', root.cid.toString())).toContain(
        'PINNED',
      )
      expect(await ipfs.pinState(root.cid)).toBe('recursive')
    },
    caseTimeout,
  )
})
