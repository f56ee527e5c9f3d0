/** What the gateway reads out of requests, before it looks at content. */
import { describe, expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { base36 } from 'multiformats/bases/base36'
import { GatewayError } from '../../../core/ipfs/embedded/gateway/errors.ts'
import { negotiate } from '../../../core/ipfs/embedded/gateway/negotiation.ts'
import { readRange } from '../../../core/ipfs/embedded/gateway/ranges.ts'
import { redirectOf } from '../../../core/ipfs/embedded/gateway/redirects.ts'

describe('the Range header of 100 bytes', () => {
  const parts: [string | undefined, { start: number; end: number } | undefined | 416][] = [
    [undefined, undefined],
    ['bytes=0-9', { start: 0, end: 10 }],
    ['bytes=90-', { start: 90, end: 100 }],
    ['bytes=90-1000', { start: 90, end: 100 }],
    ['bytes=-10', { start: 90, end: 100 }],
    ['bytes=-1000', { start: 0, end: 100 }],
    ['bytes=10-19, 0-4', { start: 10, end: 20 }],
    ['bytes=500-, 0-4', { start: 0, end: 5 }],
    ['bytes=0-99, 0-99', undefined],
    ['bytes=-0', 416],
    ['bytes=100-', 416],
    ['bytes=500-600, 700-', 416],
    ['bytes=-', undefined],
    ['bytes=', undefined],
  ]
  for (const [header, part] of parts) {
    test(`${header} asks for ${JSON.stringify(part) ?? 'all'}`, () => {
      if (part !== 416) expect(readRange(header, 100)).toEqual(part)
      else expect(() => readRange(header, 100)).toThrow(expect.objectContaining({ status: 416 }))
    })
  }

  test('is left alone when it cannot be read', () => {
    for (const header of ['bytes=9-0', 'bytes=a-b', 'bytes=0-4, x', 'items=0-9']) {
      expect(readRange(header, 100)).toBeUndefined()
    }
  })

  test('asks for all of an empty file', () => {
    expect(readRange('bytes=0-9', 0)).toBeUndefined()
  })
})

describe('the format that is asked for', () => {
  const format = (query: string, accept: string) => negotiate(new URLSearchParams(query), accept).format

  test('is that of the query, whatever Accept says', () => {
    expect(format('format=json', 'application/vnd.ipld.raw')).toBe('json')
  })
  test('is the first that Accept names', () => {
    expect(format('', 'text/html, application/vnd.ipld.car; dups=y, application/vnd.ipld.raw')).toBe('car')
    expect(format('', 'text/html,application/xhtml+xml,*/*;q=0.8')).toBe('page')
    expect(format('', 'APPLICATION/JSON')).toBe('json')
  })
  test('has the parameters of its own media type only', () => {
    const read = (query: string, accept: string) => [
      ...negotiate(new URLSearchParams(query), accept).parameters,
    ]
    expect(read('', 'application/vnd.ipld.car; order=dfs; dups="y";q=0.9')).toEqual([
      ['order', 'dfs'],
      ['dups', 'y'],
    ])
    expect(read('format=raw', 'application/vnd.ipld.car; dups=y')).toEqual([])
  })
  test('is refused when nobody has it', () => {
    expect(() => format('format=constructor', '')).toThrow(GatewayError)
    expect(() => format('', 'application/vnd.ipfs.unknown')).toThrow('is not offered')
  })
})

describe('a request leads elsewhere', () => {
  const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  const from = (path: string) => {
    const { status, headers } = redirectOf(new URL(path, 'http://127.0.0.1:9098'), new Headers()) ?? {}
    return [status, headers?.location]
  }

  test('when a browser hands over an address of ipfs:// or ipns://', () => {
    expect(from(`/ipfs/?uri=${encodeURIComponent(`ipfs://${cid}/a b?filename=c&d=%26`)}`)).toEqual([
      301,
      `/ipfs/${cid}/a%20b?filename=c&d=%26`,
    ])
    expect(from('/ipfs/?uri=ipns%3A%2F%2Fexample.org')).toEqual([301, '/ipns/example.org'])
  })
  test('and stays on the gateway, and adds no header', () => {
    for (const uri of [
      'ipfs:////evil.example',
      'ipfs://a\r\nset-cookie: b',
      'ipfs://../../x',
      'javascript:alert(1)',
    ]) {
      let location: string | undefined
      try {
        location = from(`/ipfs/?uri=${encodeURIComponent(uri)}`)[1] as string | undefined
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
        continue
      }
      expect(location).toMatch(/^\/[^/\r\n]/)
    }
  })
  test('when a key is not spelled as a host can be', async () => {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const canonical = id.toCID().toString(base36)
    for (const spelling of [id.toString(), id.toCID().toString()]) {
      expect(from(`/ipns/${spelling}/a%2Fb/?x=y`)).toEqual([302, `/ipns/${canonical}/a%2Fb/?x=y`])
    }
    expect(from(`/ipns/${canonical}/a`)).toEqual([undefined, undefined])
    expect(from('/ipns/example.org/a')).toEqual([undefined, undefined])
  })
  test('when the namespace is there twice', () => {
    expect(from(`/ipfs/ipfs/${cid}/a?x=y`)).toEqual([301, `/ipfs/${cid}/a?x=y`])
    expect(from('/ipfs/ipns/example.org')).toEqual([301, '/ipns/example.org'])
  })
})
