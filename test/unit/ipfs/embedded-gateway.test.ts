/** The gateway of the embedded node. What Kubo's says to the same requests is compared in `test/interop`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { request } from 'node:http'
import { CarReader } from '@ipld/car'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { base16, base16upper } from 'multiformats/bases/base16'
import { base32upper, base32z } from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { BlockNotHereError } from '../../../core/ipfs/embedded/errors.ts'
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
    const redirect = await get(`/ipfs/${outer.cid}/inner?download=true&name=%2F`)
    expect([redirect.status, redirect.headers.get('location')]).toEqual([
      301,
      `/ipfs/${outer.cid}/inner/?download=true&name=%2F`,
    ])
    const page = await get(`/ipfs/${outer.cid}/inner/`)
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(html).not.toContain('<script>')
    expect(html).not.toContain('href="javascript:')
    expect(html).toContain('href="./a%26b%3Fc%23d"')
    expect(html).toContain('href=".."')
    expect(html).toContain(`?filename=${encodeURIComponent('a&b?c#d')}`)
    const etag = page.headers.get('etag')!
    expect(etag).toMatch(new RegExp(`^"DirIndex-.*_CID-${folder.cid}"$`))
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await get(`/ipfs/${outer.cid}/inner/`, { 'if-none-match': known })
      expect([again.status, await again.text()]).toEqual([304, ''])
    }
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
    expect(page.headers.get('etag')).toBe(`"${folder.cid}"`)
  })

  test('gives the target of a symbolic link, and does not follow it', async () => {
    const bytes = dagPb.encode(
      dagPb.createNode(new UnixFS({ type: 'symlink', data: textBytes('target') }).marshal(), []),
    )
    const symlink = { cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes }
    const folder = await directoryBlock({ symlink })
    await putAll(node, [symlink, folder])
    const answer = await get(`/ipfs/${folder.cid}/symlink`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'inode/symlink'])
    expect(await bytesOf(answer)).toEqual(textBytes('target'))
  })

  test('lets pages of all origins read all answers, errors too', async () => {
    const block = await rawBlock(textBytes('read across origins'))
    await putAll(node, [block])
    const asked: [string, string, number][] = [
      ['GET', `/ipfs/${block.cid}`, 200],
      ['HEAD', `/ipfs/${block.cid}`, 200],
      ['OPTIONS', `/ipfs/${block.cid}`, 200],
      ['GET', '/ipfs/no-cid', 400],
      ['GET', '/nothing', 404],
      ['PUT', `/ipfs/${block.cid}`, 405],
    ]
    for (const [method, path, status] of asked) {
      const { headers, ...answer } = await get(path, { origin: 'https://app.example' }, method).then(
        async (response) => ({
          status: response.status,
          headers: response.headers,
          text: await response.text(),
        }),
      )
      expect(answer.status).toBe(status)
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS')
      expect(headers.get('access-control-allow-headers')).toContain('Range')
      expect(headers.get('access-control-expose-headers')).toContain('X-Ipfs-Roots')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      if (method !== 'OPTIONS') expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  test('refuses service workers that would see the content of all CIDs', async () => {
    const script = await rawBlock(textBytes('// a service worker'))
    const folder = await directoryBlock({ 'sw.js': script })
    await putAll(node, [script, folder])
    const worker = { 'service-worker': 'script' }
    for (const path of [`/ipfs/${script.cid}?filename=sw.js`, `/ipfs/${script.cid}`, '/ipns/example.org']) {
      expect((await get(path, worker)).status).toBe(400)
    }
    expect((await get(`/ipfs/${script.cid}?filename=sw.js`)).status).toBe(200)
    expect((await get(`/ipfs/${folder.cid}/sw.js`, worker)).status).toBe(200)
  })

  test('sends the part of a raw block that is asked for', async () => {
    const block = await rawBlock(filledBytes('part of a block', 500))
    await putAll(node, [block])
    const part = await get(`/ipfs/${block.cid}?format=raw`, { range: 'bytes=100-199' })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/500'])
    expect(await bytesOf(part)).toEqual(block.bytes.slice(100, 200))
  })

  test('guesses JSON by its bytes', async () => {
    const long = JSON.stringify({ key: 'a value', more: 'x'.repeat(10_000) })
    const types: [string, string][] = [
      ['{"a": 1}', 'application/json'],
      ['[1, 2]', 'application/json'],
      [long, 'application/json'],
      ['{not json}', 'text/plain; charset=utf-8'],
      [`{not json} ${'x'.repeat(10_000)}`, 'text/plain; charset=utf-8'],
      ['12', 'text/plain; charset=utf-8'],
    ]
    for (const [text, type] of types) {
      const block = await rawBlock(new TextEncoder().encode(text))
      await putAll(node, [block])
      expect((await get(`/ipfs/${block.cid}`, {}, 'HEAD')).headers.get('content-type')).toBe(type)
    }
  })

  test('gives a part of a file whose first block is not here, without its type', async () => {
    const { root } = await fileOf('first block missing', 3, 1_000)
    await putAll(node, [root[0]!, root[2]!])
    const part = await get(`/ipfs/${root[0]!.cid}`, { range: 'bytes=1000-1009' })
    expect([part.status, part.headers.get('content-type')]).toEqual([206, null])
    expect(await bytesOf(part)).toEqual(root[2]!.bytes.slice(0, 10))
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

  test('reads CIDs in all their spellings', async () => {
    const file = await rawBlock(textBytes('spelled in many ways'))
    const folder = await directoryBlock({ file })
    await putAll(node, [file, folder])
    for (const base of [
      base16,
      base16upper,
      base32upper,
      base32z,
      base36,
      base36upper,
      base58btc,
      base64url,
    ]) {
      const answer = await get(`/ipfs/${folder.cid.toString(base)}/file`)
      expect(await bytesOf(answer)).toEqual(file.bytes)
      expect(answer.headers.get('etag')).toBe(`"${file.cid}"`)
    }
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
    expect((await get(`/ipfs/${object.cid}/deep/number`)).status).toBe(501)
    expect((await get(`/ipfs/${object.cid}/deep/nothing`)).status).toBe(404)
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
      [`/ipfs/${anyCid}?format=zip`, 406],
      [`/ipfs/${anyCid}`, 406, { accept: 'application/vnd.ipld.dag-jose' }],
      [`/ipfs/${anyCid}?format=ipns-record`, 400],
      ['/ipns/example.org/below?format=ipns-record', 400],
      [`/ipfs/${anyCid}?format=car&car-order=random`, 400],
      [`/ipfs/${anyCid}?format=car&car-dups=maybe`, 400],
      ['/ipfs/?uri=https%3A%2F%2Fexample.org', 400],
      [`/ipfs/${anyCid}?format=car&car-version=2`, 406],
      [`/ipfs/${anyCid}?format=car&dag-scope=everything`, 400],
      [`/ipfs/${anyCid}?format=car&entity-bytes=x:y`, 400],
      [`/ipfs/${'a/'.repeat(2_000)}`, 400],
      ['/ipns/no.such.name.invalid', 502],
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

  test('answers 504 at once when nobody can be asked for what is missing', async () => {
    const file = await fileOf('nobody has it', 2, 1_000)
    const folder = await directoryBlock({ file: file.root[0]!, 'picture.png': file.root[0]! })
    const here = new Map([folder, file.root[0]!].map((block) => [block.cid.toString(), block.bytes]))
    const read = async (cid: CID) => {
      const bytes = here.get(cid.toString())
      if (bytes === undefined) throw new BlockNotHereError(cid)
      return bytes
    }
    await using gateway = await startGateway(['/ip4/127.0.0.1/tcp/0'], sourceOf(read), quietRuntime().logger)
    const [, leaf] = file.root
    for (const path of [
      `${leaf!.cid}`,
      `${leaf!.cid}?format=raw`,
      `${leaf!.cid}?format=car`,
      `${folder.cid}/file`,
      `${folder.cid}/picture.png`,
    ]) {
      const response = await fetch(`${gateway.urls[0]}/ipfs/${path}`)
      expect(response.status).toBe(504)
      expect(await response.text()).toContain(leaf!.cid.toString())
    }
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

const nothing = { path: '', ttl: undefined, record: undefined }

function sourceOf(read: (cid: CID, signal: AbortSignal) => Promise<Uint8Array>) {
  return {
    read,
    has: () => true,
    idOf: () => undefined,
    findName: async () => nothing,
    refreshName: async () => nothing,
  }
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
