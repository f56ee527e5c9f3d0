/** Formats of the gateway beside files, raw blocks and CARs: documents, pages of them, TARs, and records of names. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { UnixFS } from 'ipfs-unixfs'
import { extract } from 'it-tar'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { putAll } from './compliance-calls.ts'
import { cborBlock, directoryBlock, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'
import { makeIpnsRecord } from './ipns-fixture.ts'

let stack: AsyncDisposableStack
let node: EmbeddedIpfs
let url: string
/** What the router of the node has, by path. */
const records = new Map<string, Uint8Array>()

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  const router = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const record = records.get(new URL(request.url).pathname)
      return record === undefined
        ? new Response('', { status: 404 })
        : new Response(record as Uint8Array<ArrayBuffer>)
    },
  })
  stack.defer(() => router.stop(true))
  const { path } = stack.use(await temporaryFolder())
  node = stack.use(
    await startNode(path, {
      gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'],
      delegatedRouters: [router.url.href],
    }),
  )
  url = node.gatewayUrls[0]!
})
afterAll(() => stack.disposeAsync())

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url + path, { headers, method, redirect: 'manual' })
const bytesOf = async (response: Response): Promise<Uint8Array> =>
  new Uint8Array(await response.arrayBuffer())
const headersOf = (response: Response, ...names: string[]) => names.map((name) => response.headers.get(name))

test('HEAD has the status and the headers of GET, in every format', async () => {
  const file = await rawBlock(textBytes('asked for its head'))
  const folder = await directoryBlock({ file })
  const document = await cborBlock({ file: file.cid })
  await putAll(node, [file, folder, document])
  const asked: [string, Record<string, string>?][] = [
    [`/ipfs/${file.cid}`],
    [`/ipfs/${file.cid}`, { range: 'bytes=1-2' }],
    [`/ipfs/${file.cid}?format=raw`],
    [`/ipfs/${folder.cid}`],
    [`/ipfs/${folder.cid}/`],
    [`/ipfs/${folder.cid}?format=car`],
    [`/ipfs/${folder.cid}?format=tar`],
    [`/ipfs/${document.cid}`],
    [`/ipfs/${document.cid}/`, { accept: 'text/html' }],
    [`/ipfs/${folder.cid}/nothing`],
    ['/ipfs/no-cid'],
  ]
  const ofConnection = ['date', 'transfer-encoding', 'connection', 'keep-alive']
  for (const [path, headers] of asked) {
    const [whole, head] = [await get(path, headers), await get(path, headers, 'HEAD')]
    await whole.arrayBuffer()
    expect([head.status, await head.text()]).toEqual([whole.status, ''])
    for (const [name, value] of whole.headers) {
      if (ofConnection.includes(name) || (name === 'content-length' && whole.status >= 300)) continue
      expect([path, name, head.headers.get(name)]).toEqual([path, name, value])
    }
  }
})

describe('documents', () => {
  const json = 0x0200
  const cbor = 0x51

  async function blockOf(codec: number, bytes: Uint8Array): Promise<IpfsBlock> {
    const block = { cid: CID.createV1(codec, await sha256.digest(bytes)), bytes }
    await putAll(node, [block])
    return block
  }

  const forms: [string, number, Uint8Array, string[], string[]][] = [
    ['dag-cbor', 0x71, Uint8Array.from([0xa0]), ['dag-cbor', 'cbor'], ['dag-json', 'json']],
    ['dag-json', dagJson.code, dagJson.encode({ a: 1 }), ['dag-json', 'json'], ['dag-cbor', 'cbor']],
    ['cbor', cbor, Uint8Array.from([0xa0]), ['cbor'], ['dag-cbor', 'dag-json', 'json']],
    ['json', json, new TextEncoder().encode('{ "a": 1 }'), ['json'], ['dag-json', 'dag-cbor', 'cbor']],
  ]
  const mediaType = (format: string) => `application/${format.startsWith('dag-') ? 'vnd.ipld.' : ''}${format}`

  for (const [codec, code, bytes, given, refused] of forms) {
    test(`in ${codec} are given as they are, and not converted`, async () => {
      const block = await blockOf(code, bytes)
      const path = `/ipfs/${block.cid}`
      const extension = codec.replace('dag-', '')
      const kind = extension === 'json' ? 'inline' : 'attachment'
      const plain = await get(path)
      expect(headersOf(plain, 'content-type', 'etag', 'content-length')).toEqual([
        mediaType(codec),
        `"${block.cid}.${codec}"`,
        String(bytes.length),
      ])
      expect(plain.headers.get('content-disposition')).toStartWith(
        `${kind}; filename="${block.cid}.${extension}"`,
      )
      expect(await bytesOf(plain)).toEqual(bytes)
      for (const format of given) {
        for (const answer of [
          await get(`${path}?format=${format}`),
          await get(path, { accept: mediaType(format) }),
        ]) {
          expect([answer.status, answer.headers.get('content-type')]).toEqual([200, mediaType(format)])
          expect(await bytesOf(answer)).toEqual(bytes)
        }
        const located = await get(path, { accept: mediaType(format) }, 'HEAD')
        expect(located.headers.get('content-location')).toBe(`${path}?format=${format}`)
      }
      for (const format of refused) {
        expect((await get(`${path}?format=${format}`)).status).toBe(406)
        expect((await get(path, { accept: mediaType(format) })).status).toBe(406)
      }
      const saved = await get(`${path}?download=true&filename=a.${extension}`)
      expect(saved.headers.get('content-disposition')).toStartWith(`attachment; filename="a.${extension}"`)
    })
  }

  test('of files are the files, and other formats of them are refused', async () => {
    const file = await rawBlock(textBytes('a file'))
    await putAll(node, [file])
    expect(await bytesOf(await get(`/ipfs/${file.cid}?format=json`))).toEqual(file.bytes)
    for (const format of ['dag-json', 'dag-cbor']) {
      expect((await get(`/ipfs/${file.cid}?format=${format}`)).status).toBe(406)
    }
  })

  test('have a page for people, in which nothing of theirs is markup', async () => {
    const leaf = await rawBlock(textBytes('linked'))
    const block = await cborBlock({
      '<script>alert(1)</script>': '"><img src=x onerror=alert(2)>',
      link: leaf.cid,
      bytes: Uint8Array.from([1, 255]),
    })
    await putAll(node, [block])
    const html = { accept: 'text/html' }
    const moved = await get(`/ipfs/${block.cid}?x=y`, html)
    expect([moved.status, moved.headers.get('location')]).toEqual([301, `/ipfs/${block.cid}/?x=y`])
    const page = await get(`/ipfs/${block.cid}/`, html)
    const text = await page.text()
    expect(page.headers.get('content-security-policy')).toStartWith("default-src 'none'")
    expect(page.headers.get('etag')).toMatch(new RegExp(`^"DagIndex-.*_CID-${block.cid}"$`))
    expect(text).not.toMatch(/<script|<img/)
    expect(text).toContain(`<a href="/ipfs/${leaf.cid}">`)
    expect(text).toContain('0x01ff')
    const bytes = await bytesOf(await get(`/ipfs/${block.cid}/?download=true`, html))
    expect(bytes).toEqual(block.bytes)
  })

  test('have a page of bounded size, however many values there are, and however deep', async () => {
    const wide = await cborBlock(Array.from({ length: 60_000 }, (_, index) => index))
    const large = await cborBlock(Array.from({ length: 300_000 }, (_, index) => index))
    const deep = await blockOf(0x71, Buffer.concat([Buffer.alloc(200_000, 0x81), Buffer.from([0x80])]))
    await putAll(node, [wide, large])
    for (const { cid } of [wide, large, deep]) {
      const page = await get(`/ipfs/${cid}/`, { accept: 'text/html' })
      expect(page.status).toBe(200)
      expect((await page.text()).length).toBeLessThan(500_000)
    }
  })
})

describe('a TAR', () => {
  async function unpacked(response: Response): Promise<[string, string, Uint8Array | string][]> {
    const entries: [string, string, Uint8Array | string][] = []
    for await (const { header, body } of extract()(response.body!)) {
      const chunks: Uint8Array[] = []
      for await (const chunk of body) chunks.push(chunk.slice())
      const content = header.type === 'symlink' ? header.linkname! : new Uint8Array(Buffer.concat(chunks))
      entries.push([header.name, header.type!, content])
    }
    return entries
  }

  test('has a folder with all that is in it, and long names, and links', async () => {
    const file = await rawBlock(filledBytes('in a TAR', 1_000))
    const inner = await directoryBlock({ [`${'é'.repeat(120)}.txt`]: file, empty: await directoryBlock({}) })
    const symlink = await unixfsBlock(
      new UnixFS({ type: 'symlink', data: new TextEncoder().encode('inner') }),
    )
    const folder = await directoryBlock({ inner, symlink })
    await putAll(node, [file, inner, symlink, folder, await directoryBlock({})])
    const answer = await get(`/ipfs/${folder.cid}?format=tar`)
    expect(headersOf(answer, 'content-type', 'etag')).toEqual([
      'application/x-tar',
      `W/"${folder.cid}.x-tar"`,
    ])
    expect(answer.headers.get('content-disposition')).toStartWith(`attachment; filename="${folder.cid}.tar"`)
    expect(await unpacked(answer)).toEqual([
      [`${folder.cid}`, 'directory', new Uint8Array()],
      [`${folder.cid}/inner`, 'directory', new Uint8Array()],
      [`${folder.cid}/inner/empty`, 'directory', new Uint8Array()],
      [`${folder.cid}/inner/${'é'.repeat(120)}.txt`, 'file', file.bytes],
      [`${folder.cid}/symlink`, 'symlink', 'inner'],
    ])
    const again = await get(`/ipfs/${folder.cid}`, {
      accept: 'application/x-tar',
      'if-none-match': answer.headers.get('etag')!,
    })
    expect(again.status).toBe(304)
    expect((await get(`/ipfs/${folder.cid}?format=tar`, {}, 'HEAD')).status).toBe(200)
  })

  for (const name of ['../outside', '..', '/../../etc/passwd', 'a/../../b', 'nul\0', '.', '']) {
    test(`is refused when a name in it is ${JSON.stringify(name)}`, async () => {
      const file = await rawBlock(textBytes('hostile'))
      const folder = await directoryBlock({ [name]: file })
      await putAll(node, [file, folder])
      expect((await get(`/ipfs/${folder.cid}?format=tar`)).status).toBe(422)
    })
  }

  test('has the size of a file that is larger than the plain header can say', async () => {
    const part = await rawBlock(new Uint8Array(4 * 1024 * 1024))
    const parts = Array.from({ length: 2_200 }, () => part)
    const large = await unixfsBlock(
      new UnixFS({ type: 'file', blockSizes: parts.map(({ bytes }) => BigInt(bytes.length)) }),
      parts.map(({ cid, bytes }) => ({ Name: '', Hash: cid, Tsize: bytes.length })),
    )
    await putAll(node, [part, large])
    const reader = (await get(`/ipfs/${large.cid}?format=tar`)).body!.getReader()
    const { value } = await reader.read()
    expect(new TextDecoder().decode(value!.subarray(0, 1_024))).toContain(
      ` size=${2_200 * part.bytes.length}\n`,
    )
    await reader.cancel()
  })

  test('breaks off where something in it is no file, so that no one takes it for whole', async () => {
    const large = await rawBlock(filledBytes('before the broken one', 200_000))
    const object = await cborBlock({ no: 'file' })
    const folder = await directoryBlock({ a: large, b: object })
    await putAll(node, [large, object, folder])
    const answer = await get(`/ipfs/${folder.cid}?format=tar`)
    expect(answer.status).toBe(200)
    await expect(answer.arrayBuffer()).rejects.toThrow()
    expect((await get(`/ipfs/${object.cid}?format=tar`)).status).toBe(406)
  })
})

describe('a name', () => {
  async function publish(path: string, validFor = 60_000) {
    const key = await generateKeyPair('Ed25519')
    const name = peerIdFromPrivateKey(key).toCID().toString(base36)
    const record = await makeIpnsRecord(key, path, validFor)
    records.set(`/routing/v1/ipns/${name}`, record)
    return { name, record }
  }

  test('leads to what its record says, with a path below it, for as long as the record says', async () => {
    const file = await rawBlock(textBytes('named'))
    const inner = await directoryBlock({ file })
    const folder = await directoryBlock({ inner })
    await putAll(node, [file, inner, folder])
    const { name } = await publish(`/ipfs/${folder.cid}/inner`, 7_200_000)
    const answer = await get(`/ipns/${name}/file`)
    expect(await bytesOf(answer)).toEqual(file.bytes)
    expect(headersOf(answer, 'cache-control', 'x-ipfs-path', 'etag')).toEqual([
      'public, max-age=3600',
      `/ipns/${name}/file`,
      `"${file.cid}"`,
    ])
    // The record is looked for again, and holds for as long as it says.
    const asked = await get(`/ipns/${name}?format=ipns-record`)
    expect(asked.headers.get('cache-control')).toBe('public, max-age=3600')
  })

  test('has its record given to those who check it themselves', async () => {
    const { name, record } = await publish('/ipfs/bafkqaaa')
    const answer = await get(`/ipns/${name}?format=ipns-record`)
    expect(await bytesOf(answer)).toEqual(new Uint8Array(record))
    expect(answer.headers.get('content-type')).toBe('application/vnd.ipfs.ipns-record')
    expect(answer.headers.get('content-disposition')).toStartWith('attachment; ')
    // Not longer than the record itself is valid.
    expect(Number(answer.headers.get('cache-control')?.replace('public, max-age=', ''))).toBeLessThanOrEqual(
      60,
    )
    const again = await get(`/ipns/${name}/`, {
      accept: 'application/vnd.ipfs.ipns-record',
      'if-none-match': answer.headers.get('etag')!,
    })
    expect(again.status).toBe(304)
  })

  test('leads nowhere when its record has expired, or there is none', async () => {
    const { name } = await publish('/ipfs/bafkqaaa', -1_000)
    const unknown = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
      .toCID()
      .toString(base36)
    for (const each of [name, unknown]) {
      expect((await get(`/ipns/${each}`)).status).toBe(502)
      expect((await get(`/ipns/${each}?format=ipns-record`)).status).toBe(502)
    }
  })
})

async function unixfsBlock(file: UnixFS, links: dagPb.PBLink[] = []): Promise<IpfsBlock> {
  const bytes = dagPb.encode(dagPb.createNode(file.marshal(), links))
  return { cid: CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes }
}
