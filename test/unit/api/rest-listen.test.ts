import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemScheduler } from '../../../core/runtime/system.ts'
import { certificate, privateKey } from './localhost-certificate.ts'
import { identity } from './memory-service.ts'
import { RestRig, readAnswer } from './rest-rig.ts'

const anyPort = '/ip4/127.0.0.1/tcp/0'

async function failure(starting: Promise<RestRig>): Promise<Error> {
  try {
    await using _ = await starting
  } catch (error) {
    return error as Error
  }
  throw new Error('it started')
}

describe('listening', () => {
  test('goes on at every address of the configuration', async () => {
    const path = join(tmpdir(), `rest-${crypto.randomUUID()}.sock`)
    await using rig = await RestRig.start({ httpListenMultiaddress: [anyPort, anyPort, `/unix/${path}`] })
    const [first, second, third] = rig.api.addresses
    expect(third).toBe(`/unix/${path}`)
    for (const address of [first!, second!]) {
      const url = `http://127.0.0.1:${address.split('/').at(-1)}/version`
      expect(await (await fetch(url)).json()).toEqual({ version: '1.1.6' })
    }
    const sent = request({ socketPath: path, path: '/version', agent: false })
    sent.end()
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage]
    expect((await readAnswer(incoming)).status).toBe(200)
  })

  test('at a port in use fails, naming the address and the key', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const error = await failure(RestRig.start({ httpListenMultiaddress: [anyPort, address] }))
    taken.close()
    expect([error.name, error.message]).toEqual([
      'ListenError',
      `api.restapi.http_listen_multiaddress: ${address} is in use: stop what listens there, or choose another address`,
    ])
  })

  test('at what is no address of a listener fails', async () => {
    const swarm = '/ip4/127.0.0.1/udp/1/quic'
    for (const address of [swarm, '/ip4/203.0.113.1/tcp/0']) {
      const { message } = await failure(RestRig.start({ httpListenMultiaddress: [address] }))
      expect(message).toStartWith(`api.restapi.http_listen_multiaddress: ${address} is not an address`)
    }
  })

  test('takes over the socket file of a killed process, and not that of a living one', async () => {
    const path = join(tmpdir(), `rest-${crypto.randomUUID()}.sock`)
    const killed = Bun.spawn(
      [
        process.execPath,
        '-e',
        `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
      ],
      { stdout: 'pipe' },
    )
    await killed.stdout.getReader().read()
    killed.kill('SIGKILL')
    await killed.exited
    expect((await stat(path)).isSocket()).toBe(true)
    {
      await using rig = await RestRig.start({ httpListenMultiaddress: [`/unix/${path}`] })
      expect(rig.api.addresses).toEqual([`/unix/${path}`])
    }
    const living = createSocketServer()
    living.listen(path)
    await once(living, 'listening')
    const { message } = await failure(RestRig.start({ httpListenMultiaddress: [`/unix/${path}`] }))
    living.close()
    expect(message).toContain('is in use')
  })

  test('never replaces a file that is no socket', async () => {
    const path = join(tmpdir(), `rest-${crypto.randomUUID()}.txt`)
    await writeFile(path, 'mine')
    const { message } = await failure(RestRig.start({ httpListenMultiaddress: [`/unix/${path}`] }))
    expect(message).toContain('is in use')
    expect(await readFile(path, 'utf8')).toBe('mine')
    await rm(path)
  })

  test('at a unix socket is for the user of the peer alone, whatever the umask', async () => {
    const path = join(tmpdir(), `rest-${crypto.randomUUID()}.sock`)
    const umask = process.umask(0)
    try {
      await using _rig = await RestRig.start({ httpListenMultiaddress: [`/unix/${path}`] })
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(umask)
    }
  })

  test('goes on over TLS with the certificate of the configuration', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rest-tls-'))
    const files = { sslCertFile: join(folder, 'cert.pem'), sslKeyFile: join(folder, 'key.pem') }
    await writeFile(files.sslCertFile, certificate)
    await writeFile(files.sslKeyFile, privateKey)
    await using rig = await RestRig.start(files)
    await rm(folder, { recursive: true })
    const sent = requestTls({ port: rig.port, path: '/version', agent: false, rejectUnauthorized: false })
    sent.end()
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage]
    expect((await readAnswer(incoming)).body).toBe('{"version":"1.1.6"}\n')
  })

  test('with a certificate that cannot be read fails', async () => {
    const { message } = await failure(RestRig.start({ sslCertFile: 'none.pem', sslKeyFile: 'none.key' }))
    expect(message).toStartWith(
      'api.restapi.ssl_cert_file, ssl_key_file: error loading TLS certificate/key: ',
    )
  })
})

describe('the access log', () => {
  const line =
    /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/nope\?a=%22b HTTP\/1\.1" 404 35$/

  test('goes to its logger', async () => {
    await using rig = await RestRig.start()
    await rig.ask('/nope?a=%22b')
    const lines = rig.log.filter(({ component }) => component === 'restapilog')
    expect(lines.map(({ message }) => message)).toEqual([expect.stringMatching(line)])
  })

  test('goes to a file where one is named', async () => {
    await using rig = await RestRig.start({ httpLogFile: 'access.log' })
    await rig.ask('/nope?a=%22b')
    await rig.api[Symbol.asyncDispose]()
    const file = join(rig.folder, 'access.log')
    expect(await readFile(file, 'utf8')).toMatch(new RegExp(`${line.source.slice(0, -1)}\n$`))
    expect((await stat(file)).mode & 0o777).toBe(0o644)
  })

  test('holds nothing of a request that a shell or a terminal would act on', async () => {
    await using rig = await RestRig.start()
    await rig.ask('/$(touch$IFS/tmp/x)`id`\\')
    const lines = rig.log.filter(({ component }) => component === 'restapilog')
    expect(lines[0]?.message).toContain('"GET /%24(touch%24IFS/tmp/x)%60id%60')
    expect(lines[0]?.message).not.toMatch(/[$`\\]/)
  })

  test.skipIf(process.platform !== 'linux')('on a full disk leaves the peer alone', async () => {
    await using rig = await RestRig.start({ httpLogFile: '/dev/full' })
    for (let request = 0; request < 3; request++) expect((await rig.ask('/nope')).status).toBe(404)
    await rig.api[Symbol.asyncDispose]()
    expect(rig.log.filter(({ message }) => message.includes('access log'))).toEqual([])
  })

  test('that cannot be opened is an error', async () => {
    const { message } = await failure(RestRig.start({ httpLogFile: 'no/such/folder/access.log' }))
    expect(message).toStartWith('api.restapi.http_log_file: cannot open ')
  })
})

describe('closing', () => {
  test('lets a request under way come to its end, and takes no more', async () => {
    const asked = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    await using rig = await RestRig.start(
      {},
      {
        async *peers() {
          asked.resolve()
          await release.promise
          yield identity
        },
      },
    )
    const answer = rig.ask('/peers')
    await asked.promise
    const closed = rig.api[Symbol.asyncDispose]()
    await expect(rig.ask('/version')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    release.resolve()
    expect((await answer).trailers).toEqual([['X-Stream-Error', '']])
    await closed
  })

  test('cuts off what takes too long', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    await using rig = await RestRig.start(
      {},
      {
        identity: ({ signal } = {}) =>
          new Promise((_, reject) => {
            signal!.addEventListener('abort', () => reject(signal!.reason))
            asked.resolve(signal!)
          }),
      },
      // Five seconds go by at once.
      { after: (ms, task) => systemScheduler.after(ms === 5_000 ? 0 : ms, task) },
    )
    const answer = rig.ask('/id')
    const signal = await asked.promise
    await rig.api[Symbol.asyncDispose]()
    expect(signal.reason.message).toBe('the peer is stopping')
    expect((await answer).body).toBe('{"code":500,"message":"the peer is stopping"}\n')
  })

  test('does not wait for connections that do nothing', async () => {
    await using rig = await RestRig.start()
    const url = `http://127.0.0.1:${rig.port}/version`
    await (await fetch(url, { headers: { connection: 'keep-alive' } })).text()
    const before = performance.now()
    await rig.api[Symbol.asyncDispose]()
    expect(performance.now() - before).toBeLessThan(2_000)
  })
})
