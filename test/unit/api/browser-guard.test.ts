/** What the browser guard lets through, judged by the headers that browsers send. */
import { describe, expect, test } from 'bun:test'
import type { IncomingMessage } from 'node:http'
import { BrowserGuard, type BrowserGuardInit } from '../../../core/api/browser-guard.ts'
import { RestRig } from './rest-rig.ts'

interface Asked {
  method?: string
  headers?: Record<string, string>
  host?: string | string[]
  /** Undefined: over a unix socket. */
  from?: string | undefined
}

function statusOf(asked: Asked, init: Partial<BrowserGuardInit> = {}): number | undefined {
  const { method = 'GET', headers = {}, host = '127.0.0.1:9094' } = asked
  const hosts = [host].flat()
  const incoming = {
    method,
    headers: { host: hosts[0], ...headers },
    rawHeaders: [...hosts.flatMap((each) => ['Host', each]), ...Object.entries(headers).flat()],
    socket: { remoteAddress: 'from' in asked ? asked.from : '127.0.0.1' },
  } as unknown as IncomingMessage
  const guard = new BrowserGuard({
    allowedOrigins: [],
    hostNames: ['myhost'],
    hasCredentials: false,
    ...init,
  })
  return guard.refusal(incoming)?.status
}

const evil = 'https://evil.example'

describe('the browser guard', () => {
  test('lets clients without an origin do everything', () => {
    for (const method of ['GET', 'POST', 'DELETE']) expect(statusOf({ method })).toBeUndefined()
  })

  test('refuses pages of other origins, also to read', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      expect(statusOf({ method, headers: { origin: evil } })).toBe(403)
      expect(statusOf({ method, headers: { origin: 'null' } })).toBe(403)
      expect(statusOf({ method, headers: { origin: 'http://127.0.0.1:3000' } })).toBe(403)
    }
  })

  test('lets pages of named origins do everything', () => {
    for (const allowed of [evil, 'https://*.example', 'HTTPS://EVIL.example']) {
      const init = { allowedOrigins: [allowed] }
      expect(statusOf({ method: 'POST', headers: { origin: evil } }, init)).toBeUndefined()
      expect(statusOf({ method: 'POST', headers: { origin: `${evil}.com` } }, init)).toBe(403)
    }
  })

  test('lets every page read and none write where all origins are allowed', () => {
    const init = { allowedOrigins: ['*'] }
    expect(statusOf({ headers: { origin: evil } }, init)).toBeUndefined()
    expect(statusOf({ method: 'HEAD', headers: { origin: evil } }, init)).toBeUndefined()
    expect(statusOf({ method: 'POST', headers: { origin: evil } }, init)).toBe(403)
    expect(statusOf({ method: 'DELETE', headers: { origin: evil } }, init)).toBe(403)
  })

  test('lets a page of the API itself do everything', () => {
    expect(statusOf({ method: 'POST', headers: { origin: 'http://127.0.0.1:9094' } })).toBeUndefined()
    expect(statusOf({ method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } })).toBeUndefined()
    expect(statusOf({ headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' } })).toBeUndefined()
  })

  test('refuses images, scripts and forms of other pages that send no origin, but not links', () => {
    for (const site of ['cross-site', 'same-site']) {
      expect(statusOf({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' } })).toBe(403)
      expect(
        statusOf({ method: 'POST', headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' } }),
      ).toBe(403)
      expect(statusOf({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' } })).toBeUndefined()
    }
  })

  test('answers preflights of any origin, which do nothing', () => {
    expect(statusOf({ method: 'OPTIONS', headers: { origin: evil } })).toBeUndefined()
  })

  test('refuses names that a stranger can point to this machine', () => {
    for (const host of [
      'rebind.evil.example',
      'rebind.evil.example:9094',
      '127.0.0.1.evil.example',
      'evil.com.',
    ])
      for (const method of ['GET', 'POST', 'OPTIONS']) expect(statusOf({ method, host })).toBe(403)
  })

  test('takes addresses, private names and its own names', () => {
    const hosts = [
      '127.0.0.1',
      '10.0.0.7:9094',
      '[::1]:9094',
      'localhost:9094',
      'cluster0',
      'MyHost:9094',
      'a.local',
    ]
    for (const host of [...hosts, 'peer.svc.internal', '']) expect(statusOf({ host })).toBeUndefined()
    expect(statusOf({ host: 'peer.example.org' }, { hostNames: ['peer.example.org'] })).toBeUndefined()
    expect(
      statusOf({ host: 'peer.example.org' }, { allowedOrigins: ['https://peer.example.org'] }),
    ).toBeUndefined()
  })

  test('takes any name where credentials are needed, and over a unix socket', () => {
    expect(statusOf({ host: 'peer.example.org' }, { hasCredentials: true })).toBeUndefined()
    expect(statusOf({ host: 'peer.example.org', from: undefined })).toBeUndefined()
  })

  test('refuses a request with two Host headers', () => {
    expect(statusOf({ host: ['127.0.0.1', 'evil.example'] })).toBe(400)
  })
})

describe('a peer with the defaults of init', () => {
  const origins = { corsAllowedOrigins: [] }

  test('is neither read nor changed by a page of another origin, on any route', async () => {
    await using rig = await RestRig.start(origins)
    for (const [method, path] of [
      ['GET', '/allocations'],
      ['GET', '/pins'],
      ['GET', '/id'],
      ['POST', '/pins/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'],
      ['DELETE', '/pins/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'],
      ['POST', '/add'],
      ['POST', '/ipfs/gc'],
      ['GET', '/nowhere'],
    ] as const) {
      const answer = await rig.ask(path, { method, headers: { origin: evil } })
      expect([path, answer.status]).toEqual([path, 403])
      expect(JSON.parse(answer.body).message).toContain('cors_allowed_origins')
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
    expect(rig.service.changes).toEqual([])
  })

  test('judges the page before the credentials', async () => {
    await using rig = await RestRig.start({ ...origins, basicAuthCredentials: { user: 'secret' } })
    expect((await rig.ask('/id', { headers: { origin: evil } })).status).toBe(403)
    expect((await rig.ask('/id')).status).toBe(401)
  })
})
