/** The gateway of the embedded node. What Kubo's says to the same requests is compared in `test/interop`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { request } from 'node:http'
import { CarReader } from '@ipld/car'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { startGateway } from '../../../core/ipfs/embedded/gateway/gateway.ts'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { putAll } from './compliance-calls.ts'
import { cborBlock, directoryBlock, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'
import { quietRuntime } from './test-runtime.ts'

describe('the gateway', () => {
  let stack: AsyncDisposableStack
  let node: EmbeddedIpfs
  let url: string

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    const { path } = stack.use(await temporaryFolder())
    node = stack.use(await startNode(path, { gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'] }))
    url = node.gatewayUrls[0]!
  })
  afterAll(() => stack.disposeAsync())

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(url + path, { headers, method, redirect: 'manual' })

  test('sends a file whole or in part, with its type, and says when it is known already', async () => {
    const { root, bytes } = await fileOf('ranges', 5, 1_000)
    const folder = await directoryBlock({ 'picture.png': root[0]! })
    await putAll(node, [...root, folder])
    const path = `/ipfs/${folder.cid}/picture.png`
    const whole = await get(path)
    expect(whole.headers.get('content-type')).toBe('image/png')
    expect(whole.headers.get('cache-control')).toContain('immutable')
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), bytes)).toBe(0)
    const part = await get(path, { range: 'bytes=900-2100' })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 900-2100/5000'])
    expect(Buffer.compare(Buffer.from(await part.arrayBuffer()), bytes.subarray(900, 2_101))).toBe(0)
    const again = await get(path, { 'if-none-match': whole.headers.get('etag')! })
    expect([again.status, await again.text()]).toEqual([304, ''])
    const changed = await get(path, { range: 'bytes=0-1', 'if-range': '"another"' })
    expect(changed.status).toBe(200)
    await changed.body?.cancel()
  })

  test('answers HEAD with the headers alone', async () => {
    const block = await rawBlock(filledBytes('head', 3_000))
    await putAll(node, [block])
    const head = await get(`/ipfs/${block.cid}`, {}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '3000', ''])
  })

  test('lists a folder, with names that cannot become markup or addresses', async () => {
    const file = await rawBlock(textBytes('listed'))
    const folder = await directoryBlock({
      '<script>alert(1)</script>': file,
      'javascript:alert(1)': file,
      'a&b?c#d': file,
    })
    const outer = await directoryBlock({ inner: folder })
    await putAll(node, [file, folder, outer])
    const redirect = await get(`/ipfs/${outer.cid}/inner?download=true`)
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, `/ipfs/${outer.cid}/inner/`])
    const page = await get(`/ipfs/${outer.cid}/inner/`)
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(html).not.toContain('<script>')
    expect(html).not.toContain('href="javascript:')
    expect(html).toContain('href="./a%26b%3Fc%23d"')
    expect(html).toContain('href=".."')
  })

  test('shows the index page of a folder', async () => {
    const index = await rawBlock(new TextEncoder().encode('<p>hello'))
    const folder = await directoryBlock({ 'index.html': index })
    await putAll(node, [index, folder])
    const page = await get(`/ipfs/${folder.cid}/`)
    expect([page.headers.get('content-type'), await page.text()]).toEqual([
      'text/html; charset=utf-8',
      '<p>hello',
    ])
  })

  test('sends CARs that hold the blocks of the path and of what it leads to', async () => {
    const { root } = await fileOf('car', 3, 500)
    const folder = await directoryBlock({
      file: root[0]!,
      other: await rawBlock(textBytes('not in the CAR')),
    })
    await putAll(node, [...root, folder])
    const response = await get(`/ipfs/${folder.cid}/file?format=car`)
    expect(response.headers.get('content-type')).toBe(
      'application/vnd.ipld.car; version=1; order=dfs; dups=n',
    )
    const car = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
    expect((await car.getRoots()).map(String)).toEqual([root[0]!.cid.toString()])
    const cids: string[] = []
    for await (const { cid } of car.blocks()) cids.push(cid.toString())
    expect(cids).toEqual([folder, ...root].map(({ cid }) => cid.toString()))
  })

  test('sends single blocks, and blocks that are no files as what they are', async () => {
    const leaf = await rawBlock(textBytes('leaf of an object'))
    const object = await cborBlock({ deep: { link: leaf.cid, number: 1 } })
    await putAll(node, [leaf, object])
    const raw = await get(`/ipfs/${object.cid}`, { accept: 'application/vnd.ipld.raw' })
    expect(raw.headers.get('content-type')).toBe('application/vnd.ipld.raw')
    expect(await bytesOf(raw)).toEqual(object.bytes)
    const plain = await get(`/ipfs/${object.cid}`)
    expect(plain.headers.get('content-type')).toBe('application/vnd.ipld.dag-cbor')
    expect(await bytesOf(plain)).toEqual(object.bytes)
    const through = await get(`/ipfs/${object.cid}/deep/link`)
    expect(await bytesOf(through)).toEqual(leaf.bytes)
    expect((await get(`/ipfs/${object.cid}/deep/number`)).status).toBe(404)
  })

  describe('refuses', () => {
    const anyCid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
    const refused: [string, number, Record<string, string>?, string?][] = [
      ['/', 404],
      ['/favicon.ico', 404],
      ['/ipfs/', 400],
      ['/ipfs/no-cid', 400],
      ['/ipfs/%zz', 400],
      [`/ipfs/${anyCid}/%E0%A4%A`, 400],
      [`/ipfs/${anyCid}/../../etc/passwd`, 404],
      [`/ipfs/${anyCid}/%2e%2e%2f%2e%2e%2fetc%2fpasswd`, 412, { 'cache-control': 'only-if-cached' }],
      [`/ipfs/${anyCid}`, 412, { 'cache-control': 'only-if-cached' }],
      [`/ipfs/${anyCid}?format=tar`, 406],
      [`/ipfs/${anyCid}`, 406, { accept: 'application/x-tar' }],
      [`/ipfs/${anyCid}?format=car&car-version=2`, 406],
      [`/ipfs/${anyCid}?format=car&dag-scope=everything`, 400],
      [`/ipfs/${anyCid}?format=car&entity-bytes=x:y`, 400],
      [`/ipfs/${'a/'.repeat(2_000)}`, 400],
      ['/ipns/no.such.name.invalid', 404],
      [`/ipfs/${anyCid}`, 405, {}, 'PUT'],
      ['/api/v0/id', 405, {}, 'POST'],
    ]
    for (const [path, status, headers, method] of refused) {
      test(`${method ?? 'GET'} ${path.slice(0, 80)} ${JSON.stringify(headers ?? {})} with ${status}`, async () => {
        const response = await get(path, headers, method)
        expect(response.status).toBe(status)
        expect(await response.text()).not.toContain('node_modules')
      })
    }
  })
})

describe('the gateway, reading from a slow or broken source,', () => {
  test('loads no more than a few blocks for a reader that does not read', async () => {
    const file = await fileOf('large', 400, 256 * 1_024)
    const blocks = new Map(file.root.map((block) => [block.cid.toString(), block.bytes]))
    let reads = 0
    const read = async (cid: CID) => {
      reads++
      return blocks.get(cid.toString())!
    }
    await using gateway = await startGateway(['/ip4/127.0.0.1/tcp/0'], sourceOf(read), quietRuntime().logger)
    const call = request(`${gateway.urls[0]}/ipfs/${file.root[0]!.cid}`)
    call.on('error', () => undefined)
    call.end()
    const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage]
    response.pause()
    for (let turn = 0, before = -1; turn < 20 || reads !== before; turn++) {
      before = reads
      await fetch(`${gateway.urls[0]}/`)
    }
    expect(reads).toBeGreaterThan(1)
    expect(reads).toBeLessThan(150)
    call.destroy()
  })

  test('stops reading when the client goes away', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    const read = (_cid: CID, signal: AbortSignal) => {
      asked.resolve(signal)
      return new Promise<Uint8Array>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    }
    await using gateway = await startGateway(['/ip4/127.0.0.1/tcp/0'], sourceOf(read), quietRuntime().logger)
    const client = new AbortController()
    const call = fetch(`${gateway.urls[0]}/ipfs/${(await rawBlock(textBytes('slow'))).cid}`, {
      signal: client.signal,
    })
    const signal = await asked.promise
    client.abort()
    await expect(call).rejects.toThrow()
    if (!signal.aborted) await once(signal, 'abort')
    expect(signal.aborted).toBe(true)
  })

  test('breaks off where a file is broken, so that no one takes it for whole', async () => {
    const file = await fileOf('broken', 4, 300_000)
    const lost = file.root[3]!.cid.toString()
    const blocks = new Map(file.root.map((block) => [block.cid.toString(), block.bytes]))
    const read = async (cid: CID) => {
      if (cid.toString() === lost) throw new Error('the block is gone')
      return blocks.get(cid.toString())!
    }
    await using gateway = await startGateway(['/ip4/127.0.0.1/tcp/0'], sourceOf(read), quietRuntime().logger)
    const response = await fetch(`${gateway.urls[0]}/ipfs/${file.root[0]!.cid}`)
    expect(response.status).toBe(200)
    await expect(response.arrayBuffer()).rejects.toThrow()
  })

  test('refuses a file whose parts are not of the sizes that it says', async () => {
    const leaf = await rawBlock(new Uint8Array(100))
    const lying = await fileNode([{ ...leaf, bytes: new Uint8Array(50) }])
    const blocks = new Map([leaf, lying].map((block) => [block.cid.toString(), block.bytes]))
    const read = async (cid: CID) => blocks.get(cid.toString())!
    await using gateway = await startGateway(['/ip4/127.0.0.1/tcp/0'], sourceOf(read), quietRuntime().logger)
    const response = await fetch(`${gateway.urls[0]}/ipfs/${lying.cid}`)
    expect((await response.arrayBuffer()).byteLength).toBe(50)
  })
})

function sourceOf(read: (cid: CID, signal: AbortSignal) => Promise<Uint8Array>) {
  return { read, has: () => true, idOf: () => undefined, resolveName: async () => '' }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}

/** A file of raw leaves, its root first. */
async function fileOf(
  name: string,
  count: number,
  size: number,
): Promise<{ root: IpfsBlock[]; bytes: Uint8Array }> {
  const leaves = await Promise.all(
    Array.from({ length: count }, (_, index) => rawBlock(filledBytes(`${name} ${index}`, size))),
  )
  return { root: [await fileNode(leaves), ...leaves], bytes: Buffer.concat(leaves.map(({ bytes }) => bytes)) }
}

async function fileNode(leaves: IpfsBlock[]): Promise<IpfsBlock> {
  const file = new UnixFS({ type: 'file', blockSizes: leaves.map(({ bytes }) => BigInt(bytes.length)) })
  const links = leaves.map(({ cid, bytes }) => ({ Name: '', Hash: cid, Tsize: bytes.length }))
  const bytes = dagPb.encode(dagPb.createNode(file.marshal(), links))
  return { cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes }
}
