/** The gateway of the embedded node answers as Kubo's does: the same statuses, types, ranges, files and CARs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { systemRandom } from '../../core/runtime/system.ts'
import { caseTimeout, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { startNode, temporaryFolder } from '../unit/ipfs/embedded-node.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

interface Question {
  path: string
  headers?: Record<string, string>
  method?: string
}

/** Behind `/ipfs/<cid of the folder>`. */
const questions: Question[] = [
  { path: '/hello.txt' },
  { path: '/hello.txt', method: 'HEAD' },
  { path: '/without extension' },
  { path: '/page/' },
  { path: '/many/file%20123%20%C3%A9.txt' },
  { path: '/large' },
  { path: '/large', headers: { range: 'bytes=100-200000' } },
  { path: '/large', headers: { range: 'bytes=-100' } },
  { path: '/large', headers: { range: 'bytes=131000-' } },
  { path: '/large', headers: { range: 'bytes=131000-' }, method: 'HEAD' },
  { path: '?format=car' },
  { path: '/large?format=car' },
  { path: '/large?format=car&dag-scope=entity&entity-bytes=70000:140000' },
  { path: '/large?format=car&dag-scope=entity&entity-bytes=-10:*' },
  { path: '/large?format=car&dag-scope=block' },
  { path: '/many?format=car&dag-scope=entity' },
  { path: '/page?format=car&dag-scope=entity' },
  { path: '/many/file%20123%20%C3%A9.txt?format=car' },
  { path: '/twice?format=car&car-dups=n' },
  { path: '/twice', headers: { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=y' } },
  { path: '/large?format=raw' },
  { path: '/hello.txt', headers: { accept: 'application/vnd.ipld.raw' } },
  { path: '/hello.txt?filename=saved.png&download=true' },
]

/** Statuses only: the words differ. */
const refusals: Question[] = [
  { path: '/many/nothing' },
  { path: '/hello.txt/below a file' },
  { path: '/hello.txt', method: 'POST' },
  { path: '/hello.txt', headers: { 'if-none-match': '*' } },
  { path: '/large', headers: { range: 'bytes=99999999-' } },
]

const comparedHeaders = ['content-type', 'content-range', 'accept-ranges', 'x-ipfs-roots', 'cache-control']

await describeWithGo("the embedded node's gateway", ({ path: programs }) => {
  let stack: AsyncDisposableStack
  let ours: string
  let theirs: string
  let root: string

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    const { path } = stack.use(await temporaryFolder())
    const kubo = stack.use(await KuboNode.start({ program: programs.ipfs }))
    await kubo.pause()
    await kubo.ipfs('config', '--json', 'Import.UnixFSHAMTDirectorySizeThreshold', '"1KiB"')
    await kubo.resume()
    await makeFiles(path)
    root = (
      await kubo.ipfs('add', '-Q', '-r', '--chunker=size-65536', '--cid-version=1', join(path, 'files'))
    ).trim()
    const gatewayListenMultiaddress = ['/ip4/127.0.0.1/tcp/0']
    const node = stack.use(await startNode(join(path, 'node'), { gatewayListenMultiaddress }))
    const origins = (await kubo.ipfs('id', '-f', '<addrs>')).trim().split('\n')
    await node.pin(CID.parse(root), pinOptions({ origins }))
    ours = node.gatewayUrls[0]!
    theirs = kubo.gateway
  }, caseTimeout)
  afterAll(() => stack.disposeAsync(), caseTimeout)

  describe('answers as Kubo does', () => {
    for (const question of questions) {
      test(nameOf(question), async () => {
        const [mine, kubos] = await Promise.all([ask(ours, question), ask(theirs, question)])
        expect(mine.status).toBe(kubos.status)
        for (const header of comparedHeaders) {
          // Kubo says of blocks that they have ranges; it leaves a charset out now and then.
          if (header === 'accept-ranges' && mine.headers.get(header) === null) continue
          expect(mine.headers.get(header)?.replace('html; charset=utf-8', 'html') ?? null, header).toBe(
            kubos.headers.get(header)?.replace('html; charset=utf-8', 'html') ?? null,
          )
        }
        expect(Buffer.compare(mine.body, kubos.body)).toBe(0)
      })
    }
  })

  describe('refuses as Kubo does', () => {
    for (const question of refusals) {
      test(nameOf(question), async () => {
        const [mine, kubos] = await Promise.all([ask(ours, question), ask(theirs, question)])
        expect(mine.status).toBe(kubos.status)
      })
    }
  })

  async function ask(base: string, { path, headers = {}, method = 'GET' }: Question) {
    const response = await fetch(`${base}/ipfs/${root}${path}`, { headers, method, redirect: 'manual' })
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    }
  }
})

function nameOf({ path, headers, method = 'GET' }: Question): string {
  const named = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`)
  return [method, `/ipfs/<cid>${path}`, ...named].join(' ')
}

async function makeFiles(path: string): Promise<void> {
  const large = systemRandom.bytes(1_310_740)
  for (const folder of ['many', 'page', 'twice'])
    await mkdir(join(path, 'files', folder), { recursive: true })
  const write = (name: string, content: string | Uint8Array) => writeFile(join(path, 'files', name), content)
  await Promise.all([
    write('hello.txt', 'hello'),
    write('without extension', 'plain text'),
    write('page/index.html', '<html>a page</html>'),
    write('large', large),
    write('twice/first', large),
    write('twice/second', large),
    ...Array.from({ length: 300 }, (_, i) => write(`many/file ${i} é.txt`, `content ${i}`)),
  ])
}
