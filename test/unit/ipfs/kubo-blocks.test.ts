/** How blocks are sent to Kubo: grouped, bounded, checked. */
import { describe, expect, test } from 'bun:test'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import { sha256, sha512 } from 'multiformats/hashes/sha2'
import { IpfsInputError } from '../../../core/ipfs/errors.ts'
import { createKubo } from '../../../core/ipfs/kubo/kubo.ts'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { expectIpfsError } from './compliance-calls.ts'
import {
  cborBlock,
  directoryBlock,
  each,
  fileTree,
  filledBytes,
  rawBlock,
  textBytes,
} from './dag-fixtures.ts'
import { eventually } from './scripted-kubo.ts'
import { quietRuntime } from './test-runtime.ts'

interface Upload {
  codec: string
  hash: string
  parts: Uint8Array[]
}

/** `block/put` as Kubo does it, for raw, dag-pb and dag-cbor blocks with sha2. */
class BlockServer implements AsyncDisposable {
  readonly uploads: Upload[] = []
  /** Uploads that are answered now, and the most there were. */
  running = 0
  mostRunning = 0
  #server: Server

  constructor(answer: (upload: Upload) => Promise<string>, delay = 0) {
    this.#server = createServer((request, response) => this.#serve(request, response, answer, delay))
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${(this.#server.address() as { port: number }).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (upload: Upload) => Promise<string>,
    delay: number,
  ): Promise<void> {
    this.mostRunning = Math.max(this.mostRunning, ++this.running)
    const query = new URL(request.url!, 'http://kubo').searchParams
    const form = await new Response(request as unknown as ReadableStream, {
      headers: { 'content-type': request.headers['content-type']! },
    }).formData()
    const parts = await Promise.all(
      form.getAll('file').map(async (part) => new Uint8Array(await (part as File).arrayBuffer())),
    )
    const upload = { codec: query.get('cid-codec')!, hash: query.get('mhtype')!, parts }
    this.uploads.push(upload)
    if (delay > 0) await Bun.sleep(delay)
    response.end(await answer(upload))
    this.running--
  }
}

const codecs: Record<string, number> = { raw: 0x55, 'dag-pb': 0x70, 'dag-cbor': 0x71 }

/** The CIDs that Kubo would give. */
async function keysOf({ codec, hash, parts }: Upload): Promise<string> {
  const lines = parts.map(async (bytes) => {
    const digest = await (hash === 'sha2-512' ? sha512 : sha256).digest(bytes)
    return `${JSON.stringify({ Key: CID.createV1(codecs[codec]!, digest).toString(), Size: bytes.length })}\n`
  })
  return (await Promise.all(lines)).join('')
}

function kuboAt(server: BlockServer) {
  return createKubo({ address: server.address, runtime: quietRuntime() })
}

describe('blocks for Kubo', () => {
  test('are grouped by codec and hash, many in one request', async () => {
    await using server = await new BlockServer(keysOf).start()
    await using ipfs = kuboAt(server)
    const { root, leaves } = await fileTree('mixed kinds', 300)
    const blocks = leaves.flatMap((leaf, i) => (i % 100 === 0 ? [leaf, root] : [leaf]))
    const old = await directoryBlock({ leaf: leaves[0]! }, 0)
    await ipfs.putBlocks(
      each([...blocks, old, await cborBlock({ a: 1 }), await rawBlock(textBytes('x'), sha512)]),
    )
    const sent = server.uploads.map(({ codec, hash, parts }) => `${codec} ${hash} ${parts.length}`)
    expect(sent.sort()).toEqual([
      'dag-cbor sha2-256 1',
      'dag-pb sha2-256 4',
      'raw sha2-256 300',
      'raw sha2-512 1',
    ])
  })

  test('are cut into requests of at most 4 MiB and a block, or 1,000 blocks', async () => {
    await using server = await new BlockServer(keysOf).start()
    await using ipfs = kuboAt(server)
    const large = await Promise.all(
      Array.from({ length: 9 }, (_, i) => rawBlock(filledBytes(`large ${i}`, 1_000_000))),
    )
    await ipfs.putBlocks(each(large))
    // Two requests go at once, and either may be read first.
    expect(server.uploads.map(({ parts }) => parts.length).sort()).toEqual([4, 5])
    server.uploads.length = 0
    const { leaves } = await fileTree('small ones', 2_300, 10)
    await ipfs.putBlocks(each(leaves))
    expect(server.uploads.map(({ parts }) => parts.length).sort((a, b) => a - b)).toEqual([300, 1_000, 1_000])
  })

  test('are asked for no faster than Kubo takes them', async () => {
    const gate = Promise.withResolvers<void>()
    await using server = await new BlockServer(async (upload) => {
      await gate.promise
      return keysOf(upload)
    }).start()
    await using ipfs = kuboAt(server)
    let asked = 0
    async function* source(): AsyncGenerator<IpfsBlock> {
      for (; asked < 60; asked++) yield await rawBlock(filledBytes(`paced ${asked}`, 1_000_000))
    }
    const put = ipfs.putBlocks(source())
    await eventually(() => server.uploads.length === 2)
    await Bun.sleep(100)
    // Two requests of five under way, five gathered and waiting for one of them to end.
    expect(asked).toBeLessThanOrEqual(15)
    gate.resolve()
    await put
    expect(asked).toBe(60)
  })

  test('go in at most two requests at a time', async () => {
    await using server = await new BlockServer(keysOf, 10).start()
    await using ipfs = kuboAt(server)
    const { leaves } = await fileTree('many requests', 7_000, 10)
    await ipfs.putBlocks(each(leaves))
    expect(server.uploads).toHaveLength(7)
    expect(server.mostRunning).toBe(2)
  })

  test('that carry their content in their CID are not sent', async () => {
    await using server = await new BlockServer(keysOf).start()
    await using ipfs = kuboAt(server)
    const bytes = textBytes('inline')
    await ipfs.putBlocks(each([{ cid: CID.createV1(0x55, identity.digest(bytes)), bytes }]))
    expect(server.uploads).toHaveLength(0)
  })

  test('that Kubo cannot take are refused before anything of them is sent', async () => {
    await using server = await new BlockServer(keysOf).start()
    await using ipfs = kuboAt(server)
    const bytes = textBytes('odd')
    const odd = { cid: CID.createV1(0x55, Digest.create(0x300001, await sha256.encode(bytes))), bytes }
    expect(await expectIpfsError(ipfs.putBlocks(each([odd])), 'failed')).toBeInstanceOf(IpfsInputError)
    const large = await rawBlock(new Uint8Array(16 * 1024 * 1024 + 1))
    const error = await expectIpfsError(ipfs.putBlocks(each([large])), 'failed')
    expect(error.message).toContain('larger than')
    expect(server.uploads).toHaveLength(0)
  })

  test('are not taken for written when Kubo names fewer or others', async () => {
    const { leaves } = await fileTree('checked', 3)
    const answers: [answer: (keys: string) => string, problem: string][] = [
      [(keys) => keys.split('\n').slice(0, 2).join('\n'), 'names 2 of the 3'],
      [(keys) => `${keys}${keys.split('\n')[0]}`, 'more than the 3'],
      [() => '', 'names 0 of the 3'],
      [(keys) => keys.split('\n').reverse().join('\n'), 'do not match'],
      [() => '{"Key":"?"}', 'a CID in Key'],
    ]
    for (const [answer, problem] of answers) {
      await using server = await new BlockServer(async (upload) => answer(await keysOf(upload))).start()
      await using ipfs = kuboAt(server)
      expect((await expectIpfsError(ipfs.putBlocks(each(leaves)), 'failed')).message).toContain(problem)
    }
  })

  test('stop at the first error: the source is closed and no request is left', async () => {
    let uploads = 0
    await using server = await new BlockServer(
      async (upload) => (++uploads === 2 ? '' : keysOf(upload)),
      5,
    ).start()
    await using ipfs = kuboAt(server)
    let asked = 0
    let closed = false
    async function* source(): AsyncGenerator<IpfsBlock> {
      try {
        for (; asked < 20_000; asked++) yield await rawBlock(textBytes(`one of many ${asked}`))
      } finally {
        closed = true
      }
    }
    await expectIpfsError(ipfs.putBlocks(source()), 'failed')
    expect(asked).toBeLessThan(10_000)
    expect(closed).toBe(true)
    await eventually(() => server.running === 0)
  })
})
