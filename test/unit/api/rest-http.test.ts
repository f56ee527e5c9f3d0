import { describe, expect, test } from 'bun:test'
import { signToken } from '../../../core/api/json-web-token.ts'
import { pinOf } from '../store/fixtures.ts'
import { type Answer, RestRig } from './rest-rig.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'
const credentials = { basicAuthCredentials: { user: 'a password', other: 'x:y' } }
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('paths', () => {
  test('that end in a slash lead to those that do not', async () => {
    await using rig = await RestRig.start({ headers: { 'X-Foo': ['a'] } })
    const got = await rig.ask('/id/?x=1&y=2')
    expect([got.status, got.headers.location, got.body]).toEqual([
      307,
      '/id?x=1&y=2',
      '<a href="/id?x=1&amp;y=2">Temporary Redirect</a>.\n\n',
    ])
    expect(got.headers['x-foo']).toBeUndefined()
    const posted = await rig.ask(`/pins/${cid}/`, { method: 'POST' })
    expect([posted.status, posted.headers.location, posted.body]).toEqual([307, `/pins/${cid}`, ''])
    expect(rig.service.changes).toEqual([])
  })

  test('that are not clean lead to those that are, and never to another host', async () => {
    await using rig = await RestRig.start()
    const leads: Record<string, string> = {
      '//id': '/id',
      '/a/../id?q=1': '/id?q=1',
      '/a/%2e%2E/./id': '/id',
      '//example.org/': '/example.org',
      '/\\example.org/': '/%5Cexample.org',
      '/..': '/',
    }
    for (const [path, location] of Object.entries(leads)) {
      const answer = await rig.askRaw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer).toStartWith('HTTP/1.1 301 ')
      expect(answer).toContain(`\r\nLocation: ${location}\r\n`)
    }
  })

  test('that are unknown are 404, the root among them', async () => {
    await using rig = await RestRig.start()
    for (const path of ['/', '/nope', '/pins/a/b', '/health/nope', '/monitor']) {
      const { status, body } = await rig.ask(path)
      expect([path, status, body]).toEqual([path, 404, '{"code":404,"message":"not found"}\n'])
    }
  })

  test('that are known take no other method', async () => {
    await using rig = await RestRig.start({ headers: { 'X-Foo': ['a'] } })
    for (const [method, path] of [
      ['PUT', '/id'],
      ['HEAD', '/add'],
      ['DELETE', '/health'],
      ['GET', '/add'],
      ['OPTIONS', `/pins/${cid}`],
    ] as const) {
      const { status, body, headers } = await rig.ask(path, { method })
      expect([path, status, body, headers['content-type'], headers['x-foo']]).toEqual([
        path,
        405,
        '',
        undefined,
        undefined,
      ])
    }
    expect((await rig.ask(`/pins/${cid}`, { method: 'PUT' })).headers.allow).toBe('GET, HEAD, POST, DELETE')
  })

  test('answer HEAD as GET, without the body, wherever GET is', async () => {
    await using rig = await RestRig.start({ headers: { 'X-Foo': ['a'] } })
    await rig.ask(`/pins/${cid}`, { method: 'POST' })
    for (const path of [
      '/health',
      '/id',
      '/version',
      '/peers',
      '/pins',
      `/pins/${cid}`,
      '/allocations',
      `/allocations/${cid}`,
      '/health/graph',
      '/health/alerts',
      '/health/bandwidth',
      '/monitor/metrics',
      '/monitor/metrics/ping',
      '/nope',
      '/allocations/no-cid',
      '/pins/',
    ]) {
      const [get, head] = [await rig.ask(path), await rig.ask(path, { method: 'HEAD' })]
      const told = ({ status, headers }: Answer) => [status, headers['content-type'], headers['x-foo']]
      expect([path, ...told(head), head.body]).toEqual([path, ...told(get), ''])
      if (get.headers['content-length'] !== undefined) {
        expect([path, head.headers['content-length']]).toEqual([path, get.headers['content-length']])
      }
    }
  })

  test('answer HEAD of a list without reading more than its first row', async () => {
    let read = 0
    async function* allocations() {
      try {
        for (;;) yield pinOf(`pin ${read++}`)
      } finally {
        read = -read
      }
    }
    await using rig = await RestRig.start({}, { allocations })
    expect((await rig.ask('/allocations', { method: 'HEAD' })).status).toBe(200)
    expect(read).toBe(-1)
  })

  test('let the connection of a HEAD be used again', async () => {
    await using rig = await RestRig.start()
    const head = (path: string) => `HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const last = 'GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const answer = await rig.askRaw(`${head('/peers')}${head('/id')}${head('/health')}${last}`)
    expect(answer.match(/^HTTP.1.1 \d+/gm)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 204',
      'HTTP/1.1 200',
    ])
    expect(answer).toEndWith('{"version":"1.1.6"}\n')
  })

  test('are none for CONNECT, which is answered', async () => {
    await using rig = await RestRig.start()
    const answer = await rig.askRaw('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    expect(answer).toStartWith('HTTP/1.1 405 ')
  })

  test('with escapes that are not UTF-8 are refused', async () => {
    await using rig = await RestRig.start()
    expect((await rig.ask('/pins/%ff', { method: 'POST' })).status).toBe(400)
  })
})

describe('answers', () => {
  test('carry each configured header line and Vary', async () => {
    await using rig = await RestRig.start({ headers: { 'X-Foo': ['a', 'b'], 'Content-Type': ['text/x'] } })
    for (const path of ['/version', '/peers', '/health', '/nope']) {
      const answer = await rig.ask(path)
      expect(answer.lines('x-foo')).toEqual(['a', 'b'])
      expect(answer.lines('content-type')).toEqual(['text/x', 'application/json'])
      expect(answer.headers.vary).toBe('Origin')
    }
  })
})

describe('pages of other origins', () => {
  const origin = 'https://app.example.org'
  const preflight = (method: string, names?: string) => ({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(names === undefined ? {} : { 'access-control-request-headers': names }),
    },
  })

  test('may read but not pin where all origins are allowed', async () => {
    await using rig = await RestRig.start()
    const read = await rig.ask('/version', { headers: { origin } })
    expect(read.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'Content-Type, X-Stream-Output, X-Chunked-Output, X-Content-Length',
    })
    const pin = await rig.ask(`/pins/${cid}`, { method: 'POST', headers: { origin } })
    expect([pin.status, pin.headers['access-control-allow-origin']]).toEqual([403, undefined])
    expect(rig.service.changes).toEqual([])
  })

  test('get preflights answered with what is allowed, or with Vary alone', async () => {
    await using rig = await RestRig.start({ corsMaxAge: 60_000 })
    const accepted = await rig.ask('/pins', preflight('GET', 'content-type, X-Requested-With'))
    expect(accepted.status).toBe(204)
    expect(accepted.headers).toMatchObject({
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      'access-control-allow-methods': 'GET',
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'content-type, X-Requested-With',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '60',
    })
    for (const refused of [preflight('POST'), preflight('GET', 'authorization')]) {
      const { status, headers } = await rig.ask('/pins', refused)
      expect(status).toBe(204)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  test('are told apart where origins are named', async () => {
    await using rig = await RestRig.start({
      corsAllowedOrigins: ['https://*.example.org', 'http://localhost:3000'],
      corsAllowedMethods: [],
      corsAllowedHeaders: ['*'],
      corsAllowCredentials: false,
    })
    const allowed = await rig.ask('/pins', preflight('POST', 'authorization'))
    expect(allowed.headers['access-control-allow-origin']).toBe(origin)
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined()
    for (const stranger of ['https://example.org.evil', 'https://example.net', 'null']) {
      const { headers } = await rig.ask('/version', { headers: { origin: stranger } })
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  test('get preflights without credentials', async () => {
    await using rig = await RestRig.start(credentials)
    expect((await rig.ask('/pins', preflight('GET'))).status).toBe(204)
  })
})

describe('with credentials configured', () => {
  const realm = 'realm="Restricted IPFS Cluster API"'

  test('a user without a password is closed to tokens too, which anybody could sign with an empty key', async () => {
    await using rig = await RestRig.start({ basicAuthCredentials: { ops: '', user: 'secret' } })
    const token = `Bearer ${signToken('ops', '')}`
    expect((await rig.ask('/id', { headers: { authorization: token } })).status).toBe(401)
    const basic = `Basic ${Buffer.from('ops:').toString('base64')}`
    expect((await rig.ask('/id', { headers: { authorization: basic } })).status).toBe(401)
  })

  test('requests without any are refused, naming both ways', async () => {
    await using rig = await RestRig.start({ ...credentials, headers: { 'X-Foo': ['a'] } })
    for (const headers of [{}, { authorization: 'Digest x' }, { authorization: 'Basic !!' }] as const) {
      const answer = await rig.ask('/id', { headers })
      expect([answer.status, answer.body]).toEqual([
        401,
        '{"code":401,"message":"unauthorized: no auth provided"}\n',
      ])
      expect(answer.lines('www-authenticate')).toEqual([`Bearer ${realm}`, `Basic ${realm}`])
      expect(answer.lines('x-foo')).toEqual(['a'])
    }
    expect((await rig.ask('/id/')).status).toBe(401)
    expect((await rig.ask('/health')).status).toBe(204)
  })

  test('a user gets in with the password, and with no other', async () => {
    await using rig = await RestRig.start(credentials)
    for (const good of ['user:a password', 'other:x:y']) {
      expect((await rig.ask('/id', { headers: basic(good) })).status).toBe(200)
    }
    for (const bad of [
      'user:',
      ':a password',
      'user:wrong',
      'nobody:a password',
      'constructor:x',
      'user:x:y',
    ]) {
      const answer = await rig.ask('/id', { headers: basic(bad) })
      expect([answer.status, answer.body]).toEqual([
        401,
        '{"code":401,"message":"unauthorized: access denied"}\n',
      ])
      expect(answer.lines('www-authenticate')).toEqual([`Basic ${realm}`])
    }
  })

  test('a token stands for the user, and is always the same', async () => {
    await using rig = await RestRig.start(credentials)
    const minted = await rig.ask('/token', { method: 'POST', headers: basic('user:a password') })
    const { token } = JSON.parse(minted.body)
    expect(minted.body).toBe(`{"token":"${signToken('user', 'a password')}"}\n`)
    expect(token).toStartWith('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ1c2VyIn0.')
    expect((await rig.ask('/id', { headers: { authorization: `bearer ${token}` } })).status).toBe(200)
    const again = await rig.ask('/token', { method: 'POST', headers: bearer(token) })
    expect(again.body).toBe(minted.body)
  })

  test('a token of another password is refused', async () => {
    await using rig = await RestRig.start(credentials)
    for (const bad of [signToken('user', 'x'), signToken('nobody', 'x'), 'a.b.c', 'x'.repeat(3000)]) {
      const answer = await rig.ask('/id', { headers: bearer(bad) })
      expect([answer.status, answer.body]).toEqual([
        401,
        '{"code":401,"message":"unauthorized: invalid token"}\n',
      ])
      expect(answer.lines('www-authenticate')).toEqual([`Bearer ${realm}, error="invalid_token"`])
    }
  })

  test('there are tokens, and none without', async () => {
    await using rig = await RestRig.start()
    const { status, body } = await rig.ask('/token', { method: 'POST' })
    expect([status, body]).toEqual([401, '{"code":401,"message":"unauthorized"}\n'])
  })
})

describe('bounds', () => {
  test('headers beyond the configured size are 431', async () => {
    await using rig = await RestRig.start()
    const filler = 'a'.repeat(9000)
    const answer = await rig.askRaw(`GET /id HTTP/1.1\r\nHost: x\r\nX-Filler: ${filler}\r\n\r\n`)
    expect(answer).toStartWith('HTTP/1.1 431 ')
  })

  test('what is not HTTP is answered 400 and closed', async () => {
    await using rig = await RestRig.start()
    expect(await rig.askRaw('\x16\x03\x01garbage\r\n\r\n')).toStartWith('HTTP/1.1 400 ')
  })

  test('headers that do not come in time are 408', async () => {
    await using rig = await RestRig.start({ readHeaderTimeout: 100 })
    expect(await rig.askRaw('GET /id HTTP/1.1\r\nHost: x\r\n')).toStartWith('HTTP/1.1 408 ')
  })

  test('an answer that takes longer than the write timeout is cut off', async () => {
    await using rig = await RestRig.start(
      { writeTimeout: 50 },
      {
        identity: (options) =>
          new Promise((_, reject) =>
            options?.signal?.addEventListener('abort', () => reject(options.signal!.reason)),
          ),
      },
    )
    expect(await rig.askRaw('GET /id HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('')
  })

  test('a thousand requests wait at once, and the next is told to come again', async () => {
    const release = Promise.withResolvers<void>()
    let waiting = 0
    const full = Promise.withResolvers<void>()
    await using rig = await RestRig.start(
      {},
      {
        async recover() {
          if (++waiting === 1024) full.resolve()
          await release.promise
          throw new Error('released')
        },
      },
    )
    const many = Array.from({ length: 1024 }, () => rig.ask(`/pins/${cid}/recover`, { method: 'POST' }))
    await full.promise
    const refused = await rig.ask('/version')
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    expect((await rig.ask('/health')).status).toBe(204)
    release.resolve()
    const statuses = await Promise.all(many.map(async (answer) => (await answer).status))
    expect(new Set(statuses)).toEqual(new Set([500]))
    expect((await rig.ask('/version')).status).toBe(200)
  })
})
