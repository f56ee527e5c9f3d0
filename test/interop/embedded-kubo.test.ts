/** The embedded node and a real Kubo exchange blocks over loopback, both ways and with either encryption. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import type { EmbeddedIpfs } from '../../core/ipfs/embedded/embedded-ipfs.ts'
import { systemRandom } from '../../core/runtime/system.ts'
import { caseTimeout, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { startNode, temporaryFolder } from '../unit/ipfs/embedded-node.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

const fileSize = 30 * 1024 * 1024

await describeWithGo('the embedded node and Kubo', ({ path }) => {
  for (const [encryption, other] of [
    ['TLS', 'Noise'],
    ['Noise', 'TLS'],
  ] as const) {
    describe(`over ${encryption} only`, () => {
      let stack: AsyncDisposableStack
      let folder: string
      let kubo: KuboNode
      let node: EmbeddedIpfs

      beforeAll(async () => {
        stack = new AsyncDisposableStack()
        folder = stack.use(await temporaryFolder()).path
        kubo = stack.use(await KuboNode.start({ program: path.ipfs }))
        await kubo.pause()
        await kubo.ipfs('config', '--json', `Swarm.Transports.Security.${other}`, 'false')
        await kubo.resume()
        node = stack.use(await startNode(join(folder, 'node')))
      }, caseTimeout)
      afterAll(() => stack.disposeAsync(), caseTimeout)

      test(
        'Kubo dials in and fetches from the embedded node',
        async () => {
          const { root, leaves } = await fileTree(`to Kubo over ${encryption}`, 80, 256 * 1024)
          await node.putBlocks(each([...leaves, root]))
          await node.pin(root.cid, pinOptions())
          const { id, addresses } = await node.id()
          await kubo.ipfs('swarm', 'connect', addresses[0]!)
          expect(await kubo.ipfs('swarm', 'peers')).toContain(id)
          await kubo.ipfs('pin', 'add', '--progress=false', root.cid.toString())
          const stat = await kubo.ipfs('dag', 'stat', '--progress=false', root.cid.toString())
          expect(stat).toContain(String(80 * 256 * 1024 + root.bytes.length))
          await kubo.ipfs('swarm', 'disconnect', `/p2p/${id}`)
        },
        caseTimeout,
      )

      test(
        'the embedded node dials out and fetches a file of 30 MiB from Kubo',
        async () => {
          const file = join(folder, 'file')
          await writeFile(file, systemRandom.bytes(fileSize))
          const cid = CID.parse((await kubo.ipfs('add', '-Q', '--pin=false', file)).trim())
          const addresses = (await kubo.ipfs('id', '-f', '<addrs>')).trim().split('\n')
          const { blocks, bytes } = await node.pin(cid, pinOptions({ origins: addresses }))
          expect(blocks).toBe(121)
          expect(bytes).toBeGreaterThan(fileSize)
          expect(await node.pinState(cid)).toBe('recursive')
        },
        caseTimeout,
      )
    })
  }
})
