import { describe, expect, test } from 'bun:test'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { CID } from 'multiformats/cid'
import { parseApiAddress } from '../../../core/client/address.ts'
import { ClusterClient } from '../../../core/client/cluster-client.ts'
import { survey, walk } from '../../../core/client/files.ts'
import type { Upload } from '../../../core/client/upload.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { certificate, privateKey } from '../api/localhost-certificate.ts'
import { apiServer, sendJson, sendLines } from './api-server.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'

async function collect<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  return await Array.fromAsync(rows)
}

describe('addresses of an API', () => {
  test.each([
    ['/ip4/127.0.0.1/tcp/9094', false, { host: '127.0.0.1', port: 9094 }],
    ['/dns4/a.example/tcp/443/https', true, { host: 'a.example', port: 443 }],
    ['/ip4/0.0.0.0/tcp/1', false, { host: '127.0.0.1', port: 1 }],
    ['/unix//run/api.sock', false, { socketPath: '/run/api.sock' }],
    ['http://[::1]:9094', false, { host: '::1', port: 9094 }],
    ['https://a.example/', true, { host: 'a.example', port: 443 }],
    ['unix:///run/api.sock', false, { socketPath: '/run/api.sock' }],
  ])('%s', (text, tls, to) => {
    expect(parseApiAddress(text)).toMatchObject({ tls, to })
  })

  test('TLS may be asked for, and user and password may stand in a URL', () => {
    expect(parseApiAddress('/ip4/127.0.0.1/tcp/1', true).tls).toBe(true)
    const address = parseApiAddress('https://ann:p%40ss@a.example:9094')
    expect(address.credentials).toEqual({ user: 'ann', password: 'p@ss' })
    expect(address.text).toBe('https://a.example:9094')
  })

  test.each(['', 'localhost:9094', 'ftp://a.example', '/ip4/1.2.3.4', 'http://a.example/path'])(
    '%p is refused',
    (text) => {
      expect(() => parseApiAddress(text)).toThrow(/is not an address of an API/)
    },
  )

  test('libp2p addresses are refused with what to give instead', () => {
    expect(() => parseApiAddress('/dnsaddr/a.example')).toThrow(/over libp2p.*give its TCP address/)
  })
})

describe('peers and their health', () => {
  test('are asked for by their routes', async () => {
    await using server = await apiServer(({ url }, response) => {
      const isList = /^\/(health\/alerts|monitor)/.test(url)
      sendJson(response, isList ? [] : { token: 't', id: 'x', cluster_id: 'x' })
    })
    const client = new ClusterClient({ addresses: [server.url], credentials: { user: 'ann', password: 'x' } })
    const peer = '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'
    await client.peerAdd(peer)
    await client.peerRemove(peer)
    await client.connectGraph()
    await client.alerts()
    await client.bandwidth()
    await client.metricNames()
    await client.metrics('tag:a/b')
    await client.health()
    expect(await client.token()).toMatchObject({ token: 't' })
    expect(server.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /peers',
      `DELETE /peers/${peer}`,
      'GET /health/graph',
      'GET /health/alerts',
      'GET /health/bandwidth',
      'GET /monitor/metrics',
      'GET /monitor/metrics/tag:a%2Fb',
      'GET /health',
      'POST /token',
    ])
    expect(server.asked[0]!.body).toBe(`{"peer_id":"${peer}"}`)
    expect(server.asked[0]!.headers['content-type']).toBe('application/json')
  })

  test('have whole numbers of any size', async () => {
    await using server = await apiServer((_asked, response) => {
      response.writeHead(200).end('[{"name":"ping","expire":1795394830734429352,"weight":5}]')
    })
    const client = new ClusterClient({ addresses: [server.url] })
    const metrics: unknown = await client.metrics('ping')
    expect(metrics).toEqual([{ name: 'ping', expire: 1795394830734429352n, weight: 5 }])
  })

  test('the body of a request goes to the next address too when the first cannot be reached', async () => {
    await using server = await apiServer((_asked, response) => sendJson(response, { id: 'x' }))
    const client = new ClusterClient({ addresses: ['/ip4/127.0.0.1/tcp/1', server.url] })
    await client.peerAdd('P')
    expect(server.asked[0]!.body).toBe('{"peer_id":"P"}')
  })
})

describe('requests', () => {
  test('pin by path with the options in the query, and the answer is the pin', async () => {
    await using server = await apiServer((_asked, response) => sendJson(response, { cid, shard_size: 1 }))
    const client = new ClusterClient({ addresses: [server.multiaddr] })
    const pin = await client.pin(cid, {
      replicationFactorMin: 2,
      name: 'a b&c',
      metadata: { k: 'v' },
      dryRun: true,
    })
    expect(pin.cid).toBe(cid)
    const url = new URL(server.asked[0]!.url, server.url)
    expect(server.asked[0]!.method).toBe('POST')
    expect(url.pathname).toBe(`/pins/ipfs/${cid}`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      'dry-run': 'true',
      'meta-k': 'v',
      mode: 'recursive',
      name: 'a b&c',
      'replication-max': '0',
      'replication-min': '2',
      'shard-size': '0',
      'user-allocations': '',
    })
  })

  test('paths are kept apart from the query, and ipns paths stay what they are', async () => {
    await using server = await apiServer((_asked, response) => sendJson(response, { cid }))
    const client = new ClusterClient({ addresses: [server.url] })
    await client.unpin(`/ipns/docs.example/a b?c`)
    await client.pinUpdate(CID.parse(cid), 'QmU6gJLzou116aQFoUzRmvEkdnoDgECia5C5vAM2ac1nRM')
    expect(server.asked.map(({ method }) => method)).toEqual(['DELETE', 'POST'])
    expect(server.asked[0]!.url).toBe('/pins/ipns/docs.example/a%20b%3Fc')
    expect(server.asked[1]!.url).toContain(`pin-update=${cid}`)
  })

  test('carry the credentials, of the client or of the URL', async () => {
    await using server = await apiServer((_asked, response) => sendJson(response, { version: '1.1.6' }))
    await new ClusterClient({
      addresses: [server.multiaddr],
      credentials: { user: 'ann', password: 'p:w' },
    }).version()
    await new ClusterClient({ addresses: [server.url.replace('//', '//bob:x@')] }).version()
    expect(server.asked.map(({ headers }) => atob(headers.authorization!.slice(6)))).toEqual([
      'ann:p:w',
      'bob:x',
    ])
  })

  test('go over unix sockets', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer(
      (_asked, response) => sendJson(response, { version: '1.1.6' }),
      `${folder.path}/api.sock`,
    )
    expect(await new ClusterClient({ addresses: [server.multiaddr] }).version()).toEqual({ version: '1.1.6' })
  })
})

describe('over TLS', () => {
  test('a certificate that nobody vouches for is refused, unless it is not to be checked', async () => {
    const server = createTlsServer({ cert: certificate, key: privateKey }, (_request, response) => {
      response.end('{"version":"1.1.6"}\n')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const addresses = [`/ip4/127.0.0.1/tcp/${(server.address() as { port: number }).port}`]
    const strict = new ClusterClient({ addresses, tls: true })
    await expect(strict.version()).rejects.toMatchObject({
      code: 0,
      message: expect.stringContaining('self'),
    })
    const trusting = new ClusterClient({ addresses, tls: true, verifyCertificate: false })
    expect(await trusting.version()).toEqual({ version: '1.1.6' })
    await expect(new ClusterClient({ addresses }).version()).rejects.toHaveProperty('name', 'ApiError')
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
})

describe('answers', () => {
  test('a refusal has the code and text of the peer, or the bare text of somebody else', async () => {
    await using server = await apiServer((asked, response) => {
      if (asked.url === '/id') sendJson(response, { code: 404, message: 'not here' }, 404)
      else response.writeHead(502).end('bad gateway\n')
    })
    const client = new ClusterClient({ addresses: [server.url] })
    await expect(client.id()).rejects.toMatchObject({ name: 'ApiError', code: 404, message: 'not here' })
    await expect(client.version()).rejects.toMatchObject({ code: 502, message: 'bad gateway' })
  })

  test('nobody there is code 0 and names the address', async () => {
    const client = new ClusterClient({ addresses: ['/ip4/127.0.0.1/tcp/1'] })
    await expect(client.id()).rejects.toMatchObject({ name: 'ApiError', code: 0 })
    await expect(client.id()).rejects.toThrow('/ip4/127.0.0.1/tcp/1: connect ECONNREFUSED')
  })

  test('a peer that cannot be reached is passed over, one that refuses is not', async () => {
    await using refusing = await apiServer((_asked, response) =>
      sendJson(response, { code: 500, message: 'no' }, 500),
    )
    await using good = await apiServer((_asked, response) => sendJson(response, { version: 'x' }))
    const reach = (...addresses: string[]) => new ClusterClient({ addresses }).version()
    expect(await reach('/ip4/127.0.0.1/tcp/1', good.url)).toEqual({ version: 'x' })
    await expect(reach(refusing.url, good.url)).rejects.toThrow('no')
    expect(good.asked).toHaveLength(1)
  })

  test('streams yield rows as they come, and 204 is none', async () => {
    let release = () => {}
    const gate = new Promise<void>((open) => {
      release = open
    })
    await using server = await apiServer(async (asked, response) => {
      if (asked.url.startsWith('/pins')) return void response.writeHead(204).end()
      response.writeHead(200, { Trailer: 'X-Stream-Error' })
      response.write('{"id":"a"}\n{"id"')
      await gate
      response.end(':"b","n":12345678901234567890}\n')
    })
    const client = new ClusterClient({ addresses: [server.url] })
    const rows = client.peers()
    expect((await rows.next()).value).toMatchObject({ id: 'a' })
    release()
    expect((await rows.next()).value).toEqual({ id: 'b', n: 12345678901234567890n })
    expect((await rows.next()).done).toBe(true)
    expect(await collect(client.statusAll())).toEqual([])
  })

  test('an error in the trailer of a stream is an error, after the rows', async () => {
    await using server = await apiServer((_asked, response) => sendLines(response, [{ cid }], 'disk on fire'))
    const rows = new ClusterClient({ addresses: [server.url] }).allocations('all')
    expect((await rows.next()).value).toEqual({ cid })
    await expect(rows.next()).rejects.toMatchObject({ code: 500, message: 'disk on fire' })
  })

  test('a stream that is cut off is an error of the connection', async () => {
    await using server = await apiServer((_asked, response) => {
      response.writeHead(200)
      response.write('{"id":"a"}\n')
      setTimeout(() => response.socket?.destroy(), 20)
    })
    await expect(collect(new ClusterClient({ addresses: [server.url] }).peers())).rejects.toMatchObject({
      name: 'ApiError',
      code: 0,
    })
  })

  test('the timeout cuts a slow answer and not a long stream', async () => {
    await using server = await apiServer(async (asked, response) => {
      if (asked.url === '/id') return
      response.writeHead(200)
      for (let i = 0; i < 4; i++) {
        response.write('{"id":"x"}\n')
        await Bun.sleep(40)
      }
      response.end()
    })
    const client = new ClusterClient({ addresses: [server.url], timeout: 100 })
    await expect(client.id()).rejects.toMatchObject({ code: 0, message: 'no answer within 100 ms' })
    expect(await collect(client.peers())).toHaveLength(4)
  })

  test('a signal ends a request and a stream', async () => {
    await using server = await apiServer((asked, response) => {
      if (asked.url === '/id') return
      response.writeHead(200)
      response.write('{"id":"x"}\n')
    })
    const client = new ClusterClient({ addresses: [server.url] })
    const stop = new AbortController()
    const waiting = client.id({ signal: stop.signal })
    const rows = client.peers({ signal: stop.signal })
    await rows.next()
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(rows.next()).rejects.toThrow('enough')
  })

  test('a stream that is left early lets go of its connection', async () => {
    let closed = () => {}
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    await using server = await apiServer((_asked, response) => {
      response.on('close', closed)
      response.writeHead(200)
      response.write('{"id":"x"}\n')
    })
    for await (const _row of new ClusterClient({ addresses: [server.url] }).peers()) break
    await gone
  })
})

describe('uploads', () => {
  test('are multipart parts with folders first, names escaped, and links as links', async () => {
    await using folder = await temporaryFolder()
    await mkdir(`${folder.path}/d/sub`, { recursive: true })
    await writeFile(`${folder.path}/d/b "1".txt`, 'bee')
    await writeFile(`${folder.path}/d/.hidden`, 'no')
    await writeFile(`${folder.path}/d/sub/a`, 'ay')
    await symlink('sub/a', `${folder.path}/d/link`)
    await using server = await apiServer((_asked, response) => sendLines(response, [{ name: 'd', cid }]))
    const selection = { paths: [`${folder.path}/d/`], recursive: true, hidden: false }
    const client = new ClusterClient({ addresses: [server.url] })
    const added = await collect(
      client.add(walk(selection), { pin: { name: 'x' }, parameters: { 'cid-version': 1 } }),
    )
    expect(added).toEqual([{ name: 'd', cid }])
    const { headers, body, url } = server.asked[0]!
    expect(url).toContain('cid-version=1')
    expect(url).toContain('stream-channels=true')
    expect(headers['transfer-encoding']).toBe('chunked')
    const boundary = /boundary=(.+)$/.exec(headers['content-type']!)![1]!
    const parts = body.split(`--${boundary}`).slice(1, -1)
    expect(
      parts.map((part) => [
        /filename="([^"]*)"/.exec(part)![1],
        /Content-Type: (\S+)/.exec(part)![1],
        part.split('\r\n\r\n')[1]!.trimEnd(),
      ]),
    ).toEqual([
      ['d', 'application/x-directory', ''],
      ['d%2Fb%20%221%22.txt', 'application/octet-stream', 'bee'],
      ['d%2Flink', 'application/symlink', 'sub/a'],
      ['d%2Fsub', 'application/x-directory', ''],
      ['d%2Fsub%2Fa', 'application/octet-stream', 'ay'],
    ])
    expect(body).toEndWith(`--${boundary}--\r\n`)
    expect((await survey(selection)).size).toBe(5)
    expect((await survey({ ...selection, hidden: true })).size).toBe(7)
  })

  test('of a folder without leave to go into it are refused, also before they are sent', async () => {
    await using folder = await temporaryFolder()
    const selection = { paths: [folder.path], recursive: false, hidden: false }
    const message = `${folder.path} is a directory, but Recursive option is not set`
    await expect(collect(walk(selection))).rejects.toThrow(message)
    await expect(survey(selection)).rejects.toThrow(message)
    await expect(collect(walk({ ...selection, paths: [`${folder.path}/none`] }))).rejects.toMatchObject({
      name: 'UploadError',
    })
  })

  test('take stdin, and fetch from the web while they send', async () => {
    await using web = await apiServer((asked, response) => {
      if (asked.url === '/a/file.bin') response.end('from the web')
      else response.writeHead(404).end()
    })
    const stdin = (async function* () {
      yield new TextEncoder().encode('piped')
    })()
    const read = async (upload: Upload) =>
      upload.kind === 'file' ? [upload.path, Buffer.concat(await collect(upload.content)).toString()] : []
    const selection = { recursive: false, hidden: false, stdin }
    const found: string[][] = []
    for await (const upload of walk({ ...selection, paths: ['-', `${web.url}/a/file.bin`] })) {
      found.push(await read(upload))
    }
    expect(found).toEqual([
      ['stdin', 'piped'],
      ['file.bin', 'from the web'],
    ])
    const [missing] = await collect(walk({ ...selection, paths: [`${web.url}/none`] }))
    await expect(read(missing!)).rejects.toThrow('it answered 404')
    expect((await survey({ ...selection, paths: ['-'] })).size).toBeUndefined()
  })

  test('respect a peer that reads slowly: what was not read is not produced', async () => {
    let produced = 0
    const endless = (async function* () {
      for (;;) {
        produced += 1 << 20
        yield new Uint8Array(1 << 20)
      }
    })()
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket.pause()))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as { port: number }
    const stop = new AbortController()
    const uploads = (async function* (): AsyncGenerator<Upload> {
      yield { kind: 'file', path: 'zeros', content: endless }
    })()
    const client = new ClusterClient({ addresses: [`/ip4/127.0.0.1/tcp/${port}`] })
    const adding = collect(client.add(uploads, { pin: {}, parameters: {} }, { signal: stop.signal }))
    let before = -1
    while (before !== produced || produced === 0) {
      before = produced
      await Bun.sleep(100)
    }
    expect(produced).toBeLessThan(64 << 20)
    stop.abort(new Error('enough'))
    await expect(adding).rejects.toThrow('enough')
    for (const socket of sockets) socket.destroy()
    await new Promise((closed) => server.close(closed))
  })

  test('that are refused before they were read end with the refusal', async () => {
    const server = createServer((socket) => {
      socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 33\r\n\r\n{"code":401,"message":"no entry"}')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as { port: number }
    const uploads = (async function* (): AsyncGenerator<Upload> {
      const content = (async function* () {
        for (let i = 0; i < 200; i++) yield new Uint8Array(1 << 20)
      })()
      yield { kind: 'file', path: 'zeros', content }
    })()
    const client = new ClusterClient({ addresses: [`/ip4/127.0.0.1/tcp/${port}`] })
    await expect(collect(client.add(uploads, { pin: {}, parameters: {} }))).rejects.toMatchObject({
      code: 401,
    })
    server.close()
  })
})
