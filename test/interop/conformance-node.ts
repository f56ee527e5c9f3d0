/**
 * An embedded node with the fixtures of gateway-conformance, for that suite to be run against by hand; docs/compatibility.md
 * says how. Nothing leaves loopback: it knows no peer, and the one router that it asks for names is in this process.
 *
 *   bun test/interop/conformance-node.ts <folder of the fixtures> [port]
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CarBlockIterator } from '@ipld/car'
import { peerIdFromString } from '@libp2p/peer-id'
import { base36 } from 'multiformats/bases/base36'
import type { IpfsBlock } from '../../core/runtime/ipfs.ts'
import { startNode, temporaryFolder } from '../unit/ipfs/embedded-node.ts'

const [fixtures, port = '8080'] = process.argv.slice(2)
if (fixtures === undefined) {
  console.error('usage: bun test/interop/conformance-node.ts <folder of the fixtures> [port]')
  process.exit(2)
}

await using stack = new AsyncDisposableStack()
const files = await readdir(fixtures)
const records = new Map<string, Uint8Array>()
for (const file of files.filter((name) => name.endsWith('.ipns-record'))) {
  const name = peerIdFromString(file.split(/[._]/, 1)[0]!)
  records.set(`/routing/v1/ipns/${name.toCID().toString(base36)}`, await readFile(join(fixtures, file)))
}
const router = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: ({ url }) => {
    const record = records.get(new URL(url).pathname)
    return record === undefined
      ? new Response('', { status: 404 })
      : new Response(record as Uint8Array<ArrayBuffer>)
  },
})
stack.defer(() => router.stop(true))
const { path } = stack.use(await temporaryFolder())
const node = stack.use(
  await startNode(path, {
    gatewayListenMultiaddress: [`/ip4/127.0.0.1/tcp/${port}`],
    delegatedRouters: [router.url.href],
  }),
)
for (const file of files.filter((name) => name.endsWith('.car'))) {
  await node.putBlocks(blocksOf(await readFile(join(fixtures, file))))
}
const ended = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve())
console.log(`${node.gatewayUrls[0]} has ${files.length} fixtures; end it with Ctrl-C`)
await ended.promise

async function* blocksOf(car: Uint8Array): AsyncGenerator<IpfsBlock> {
  for await (const block of await CarBlockIterator.fromBytes(car)) yield block as IpfsBlock
}
