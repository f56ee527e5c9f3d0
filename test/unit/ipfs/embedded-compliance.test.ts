/** The compliance suite of IPFS backends on the embedded node. */
import { type IpfsSubject, ipfsCompliance } from './compliance.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'

ipfsCompliance('the embedded node', subject)

async function subject(): Promise<IpfsSubject> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await temporaryFolder())
  const { path: otherPath } = stack.use(await temporaryFolder())
  const other = stack.use(await startNode(otherPath))
  const ipfs = stack.use(await startNode(path))
  const owned = stack.move()
  return {
    ipfs,
    other,
    async restart() {
      await ipfs[Symbol.asyncDispose]()
      return owned.use(await startNode(path))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
