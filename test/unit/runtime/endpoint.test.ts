import { expect, test } from 'bun:test'
import { authorityOf, parseEndpoint } from '../../../core/runtime/endpoint.ts'

test('TCP endpoints give host, port and whether TLS is spoken', () => {
  expect(parseEndpoint('/ip4/127.0.0.1/tcp/9094')).toEqual({
    kind: 'tcp',
    host: '127.0.0.1',
    port: 9094,
    tls: false,
    name: 'ip4',
  })
  expect(parseEndpoint('/dns4/example.org/tcp/443/https')).toMatchObject({ host: 'example.org', tls: true })
  expect(parseEndpoint('/dns/example.org/tcp/443/tls/http')).toMatchObject({ tls: true })
  expect(parseEndpoint('/ip4/1.2.3.4/tcp/80/http')).toMatchObject({ tls: false })
})

test('an IPv6 host is bracketed in a URL', () => {
  const endpoint = parseEndpoint('/ip6/::1/tcp/9094')
  expect(endpoint?.kind === 'tcp' && authorityOf(endpoint)).toBe('[::1]:9094')
  expect(authorityOf({ host: '10.0.0.1', port: 1 })).toBe('10.0.0.1:1')
})

test('unix paths are absolute, in both spellings', () => {
  expect(parseEndpoint('/unix//run/api socket')).toEqual({ kind: 'unix', path: '/run/api socket' })
  expect(parseEndpoint('/unix/run/x.sock')).toEqual({ kind: 'unix', path: '/run/x.sock' })
})

test.each([
  '',
  '127.0.0.1:9094',
  '/ip4/127.0.0.1',
  '/ip4/300.0.0.1/tcp/1',
  '/ip4/1.2.3.4/tcp/65536',
  '/ip4/1.2.3.4/udp/1/quic',
  '/ip4/1.2.3.4/tcp/1/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  '/ip6/localhost/tcp/1',
  '/dns/-bad/tcp/1',
  '/unix/',
])('%p is not an endpoint of HTTP', (text) => {
  expect(parseEndpoint(text)).toBeUndefined()
})
