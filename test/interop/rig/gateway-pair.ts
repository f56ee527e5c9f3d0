/** The same content behind the gateway of an embedded node and behind that of a Kubo. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { base32upper } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { systemRandom } from '../../../core/runtime/system.ts'
import { pinOptions } from '../../unit/ipfs/compliance-calls.ts'
import { startNode, temporaryFolder } from '../../unit/ipfs/embedded-node.ts'
import { KuboNode } from './kubo.ts'

export interface GatewayPair extends AsyncDisposable {
  /** `http://<host>:<port>` of each gateway. */
  readonly ours: string
  readonly theirs: string
  /** What stands in questions for CIDs and names, such as `{root}`. */
  readonly names: Readonly<Record<string, string>>
}

export async function startGatewayPair(program: string): Promise<GatewayPair> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await temporaryFolder())
  const kubo = stack.use(await KuboNode.start({ program }))
  await kubo.pause()
  await kubo.ipfs('config', '--json', 'Import.UnixFSHAMTDirectorySizeThreshold', '"1KiB"')
  // The DHT of a node without peers keeps records of names for itself.
  await kubo.ipfs('config', 'Routing.Type', 'dht')
  await kubo.resume()
  await makeFiles(path)
  const add = ['add', '-Q', '-r', '--chunker=size-65536', '--cid-version=1']
  const root = (await kubo.ipfs(...add, join(path, 'files'))).trim()
  const documents = await putDocuments(kubo, path, root)
  const { name, record } = await publish(kubo, `/ipfs/${root}/page`)
  const router = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) =>
      url.endsWith(`/routing/v1/ipns/${name}`) ? new Response(record) : new Response('', { status: 404 }),
  })
  stack.defer(() => router.stop(true))
  const node = stack.use(
    await startNode(join(path, 'node'), {
      gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'],
      delegatedRouters: [router.url.href],
    }),
  )
  const origins = (await kubo.ipfs('id', '-f', '<addrs>')).trim().split('\n')
  for (const cid of [root, ...Object.values(documents)])
    await node.pin(CID.parse(cid), pinOptions({ origins }))
  const peer = (await kubo.ipfs('id', '-f', '<id>')).trim()
  const names = {
    root,
    upper: CID.parse(root).toString(base32upper),
    base58: CID.parse(root).toString(base58btc),
    name,
    peer,
    ...documents,
  }
  const owned = stack.move()
  return {
    ours: node.gatewayUrls[0]!,
    theirs: kubo.gateway,
    names,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A document of each codec, by its name. */
async function putDocuments(kubo: KuboNode, path: string, root: string): Promise<Record<string, string>> {
  const file = join(path, 'document.json')
  await writeFile(file, JSON.stringify({ a: [1, 2, { b: 'text' }], link: { '/': root } }))
  const cids: Record<string, string> = {}
  for (const codec of ['dag-cbor', 'dag-json']) {
    cids[codec] = (await kubo.ipfs('dag', 'put', '--store-codec', codec, file)).trim()
  }
  await writeFile(file, '{ "plain" : true }')
  cids.json = (await kubo.ipfs('block', 'put', '--cid-codec', 'json', file)).trim()
  await writeFile(file, Uint8Array.from([0xa1, 0x61, 0x61, 0x01]))
  cids.cbor = (await kubo.ipfs('block', 'put', '--cid-codec', 'cbor', file)).trim()
  return cids
}

/** The record stays with Kubo, and its gateway gives it. */
async function publish(kubo: KuboNode, target: string): Promise<{ name: string; record: ArrayBuffer }> {
  const name = (
    await kubo.ipfs('name', 'publish', '--quieter', '--allow-offline', '--ttl=90s', '--lifetime=24h', target)
  ).trim()
  const response = await fetch(`${kubo.gateway}/ipns/${name}?format=ipns-record`)
  if (!response.ok)
    throw new Error(`Kubo has no record of ${name}: ${response.status} ${await response.text()}`)
  return { name, record: await response.arrayBuffer() }
}

async function makeFiles(path: string): Promise<void> {
  const large = systemRandom.bytes(1_310_740)
  for (const folder of ['many', 'page', 'twice', 'tree/inner'])
    await mkdir(join(path, 'files', folder), { recursive: true })
  const write = (name: string, content: string | Uint8Array) => writeFile(join(path, 'files', name), content)
  await Promise.all([
    write('hello.txt', 'hello'),
    write('without extension', 'plain text'),
    write('json without extension', '{ "a": 1 }'),
    write('page/index.html', '<html>a page</html>'),
    write('page/other.txt', 'beside the page'),
    write('large', large),
    write('twice/first', large),
    write('twice/second', large),
    write(`tree/inner/${'long name '.repeat(15)}é`, 'in a folder'),
    symlink('inner', join(path, 'files', 'tree', 'link')),
    ...Array.from({ length: 300 }, (_, i) => write(`many/file ${i} é.txt`, `content ${i}`)),
  ])
}
