/** What somebody unpins on Kubo without asking the cluster shows in the status of its CID, and can be recovered. */
import { expect, test } from 'bun:test'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { eventually } from '../support/network-peer.ts'
import { startWholePeer } from '../support/whole-peer.ts'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { pinOf } from '../unit/store/fixtures.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

await describeWithGo('an unpin behind the back of the peer', ({ path }) => {
  test(
    'shows, and is recovered from',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      await using whole = await startWholePeer({
        configure: (json) => {
          json.ipfs_connector.ipfshttp.node_multiaddress = node.api
        },
      })
      const { service } = whole.peer
      const { root, leaves } = await fileTree('unpinned behind its back', 3)
      await ipfs.putBlocks(each([root, ...leaves]))
      const {
        cid: _cid,
        type: _type,
        allocations: _allocations,
        maxDepth: _maxDepth,
        ...options
      } = pinOf('a')
      const own = async () => (await service.status(root.cid, { local: false })).peerMap.get(whole.id)?.status
      await service.pin(root.cid, options)
      await eventually('it is pinned', async () => (await own()) === 'pinned')

      await node.ipfs('pin', 'rm', root.cid.toString())
      expect(await own()).toBe('unexpectedly_unpinned')
      await service.recover(root.cid, { local: false })
      await eventually('it is pinned again', async () => (await own()) === 'pinned')
      expect(await ipfs.pinState(root.cid)).toBe('recursive')
    },
    caseTimeout,
  )
})
