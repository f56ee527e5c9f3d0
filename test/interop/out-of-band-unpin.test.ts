/** What somebody unpins on Kubo without asking the cluster shows in the status of its CID, and can be recovered. */
import { expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { defaultPinOptions } from '../../core/pin/options.ts'
import { eventually } from '../support/network-peer.ts'
import { startWholePeer } from '../support/whole-peer.ts'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

/** ms that many pins may take on a busy machine. */
const patience = 30_000

await describeWithGo('an unpin behind the back of the peer', ({ path }) => {
  test(
    'shows, and is recovered from',
    async () => {
      await using rig = await start(path.ipfs)
      const { node, ipfs, whole, service } = rig
      const { root, leaves } = await fileTree('unpinned behind its back', 3)
      await ipfs.putBlocks(each([root, ...leaves]))
      const options = defaultPinOptions()
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

  test(
    'is found and made good without anybody asking, and direct pins are left alone',
    async () => {
      await using rig = await start(path.ipfs, '500ms')
      const { node, ipfs, whole, service } = rig
      const { root, leaves } = await fileTree('unpinned and not told of', 40)
      await ipfs.putBlocks(each([root, ...leaves]))
      const direct = leaves.slice(0, 5).map(({ cid }) => cid)
      const recursive = leaves.slice(5).map(({ cid }) => cid)
      for (const cid of direct) await service.pin(cid, { ...defaultPinOptions(), mode: 'direct' })
      for (const cid of recursive) await service.pin(cid, defaultPinOptions())
      const listed = async () => {
        const rows = await Array.fromAsync(service.statusAll(0, { local: true }))
        return rows.flatMap(({ cid, peerMap }) => {
          const own = peerMap.get(whole.id)
          return own === undefined ? [] : [{ cid: String(cid), status: own.status, since: own.timestamp }]
        })
      }
      const arePinned = (rows: Awaited<ReturnType<typeof listed>>) =>
        rows.length === 40 && rows.every(({ status }) => status === 'pinned')
      await eventually('all are pinned', async () => arePinned(await listed()), patience)
      const before = new Map((await listed()).map(({ cid, since }) => [cid, since]))

      const gone = recursive.filter((_, i) => i % 3 === 0).map(String)
      await node.ipfs('pin', 'rm', ...gone)
      let anew: string[] = []
      await eventually(
        'the lost ones are pinned anew',
        async () => {
          const rows = await listed()
          anew = rows.flatMap(({ cid, since }) => (since === before.get(cid) ? [] : [cid])).sort()
          return arePinned(rows) && anew.length >= gone.length
        },
        patience,
      )
      expect(anew).toEqual(gone.sort())
      for (const cid of gone) expect(await ipfs.pinState(CID.parse(cid))).toBe('recursive')
      for (const cid of direct) expect(await ipfs.pinState(cid)).toBe('direct')
    },
    caseTimeout,
  )
})

/** A whole peer with a Kubo of its own; `interval`: between two looks at what that holds. */
async function start(program: string, interval?: string) {
  await using stack = new AsyncDisposableStack()
  const node = stack.use(await KuboNode.start({ program }))
  const ipfs = stack.use(createKubo({ address: node.api, runtime: quietRuntime() }))
  const whole = stack.use(
    await startWholePeer({
      configure: (json) => {
        json.ipfs_connector.ipfshttp.node_multiaddress = node.api
        if (interval !== undefined) json.cluster.pin_recover_interval = interval
      },
    }),
  )
  const started = stack.move()
  return {
    node,
    ipfs,
    whole,
    service: whole.peer.service,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}
