/** The compliance suite of IPFS backends on a real Kubo, and what only a real one shows: sockets, hangs, restarts. */
import { expect, test } from 'bun:test'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { type IpfsSubject, ipfsCompliance } from '../unit/ipfs/compliance.ts'
import { caseTimeout, expectIpfsError, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { collect, each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

/** ms for which blocks are safe from garbage collection here: long enough for a pin on a busy machine. */
const gcGrace = 2_000

await describeWithGo('Kubo', ({ path }) => {
  ipfsCompliance('keeps the contract of IPFS backends', () => subject(path.ipfs))

  test(
    'is reached over a unix socket',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs, unixSocket: true })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      const { root, leaves } = await fileTree('through a socket file', 5)
      await ipfs.putBlocks(each([...leaves, root]))
      await ipfs.pin(root.cid, pinOptions())
      const listed = (await collect(ipfs.pins())).map(({ cid }) => cid.toString())
      expect(listed).toContain(root.cid.toString())
      expect(await node.ipfs('pin', 'ls', '--type', 'recursive', '-q')).toContain(`${root.cid}\n`)
    },
    caseTimeout,
  )

  test(
    'that hangs holds up only the calls to it, until they are aborted or time out',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({
        address: node.api,
        timeouts: { request: 600 },
        runtime: quietRuntime(),
      })
      const { root } = await fileTree('asked of a hanging node', 1)
      await ipfs.id()
      await node.hang()
      await expectIpfsError(ipfs.id(), 'unreachable')
      await expectIpfsError(ipfs.pin(root.cid, pinOptions({ stallTimeout: 0 })), 'unreachable')
      await expectIpfsError(ipfs.unpin(root.cid, { signal: AbortSignal.timeout(100) }), 'aborted')
      await expectIpfsError(ipfs.putBlocks(each([root])), 'unreachable')
      node.signal('SIGCONT')
      expect((await ipfs.id()).id).not.toBe('')
    },
    caseTimeout,
  )

  test(
    'that was down is used again as soon as it is up',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      await ipfs.id()
      await node.pause()
      for (let i = 0; i < 20; i++) await expectIpfsError(ipfs.id(), 'unreachable')
      await node.resume()
      expect((await ipfs.id()).addresses.length).toBeGreaterThan(0)
    },
    caseTimeout,
  )

  test(
    'that stops during a pin fails it as unreachable',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      const { root, leaves } = await fileTree('never complete', 2)
      await ipfs.putBlocks(each([root, leaves[0]!]))
      const begun = Promise.withResolvers<void>()
      const pin = ipfs.pin(root.cid, pinOptions({ stallTimeout: 0, onProgress: () => begun.resolve() }))
      await begun.promise
      node.signal('SIGKILL')
      await expectIpfsError(pin, 'unreachable')
    },
    caseTimeout,
  )
})

async function subject(program: string): Promise<IpfsSubject> {
  await using stack = new AsyncDisposableStack()
  const node = stack.use(await KuboNode.start({ program }))
  const otherNode = stack.use(await KuboNode.start({ program }))
  const create = (address: string) => stack.use(createKubo({ address, gcGrace, runtime: quietRuntime() }))
  const other = create(otherNode.api)
  const ipfs = create(node.api)
  const owned = stack.move()
  return {
    ipfs,
    other,
    async restart() {
      await node.pause()
      await node.resume()
      return ipfs
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
