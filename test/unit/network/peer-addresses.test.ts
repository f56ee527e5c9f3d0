import { describe, expect, test } from 'bun:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { isHidden } from '../../../core/network/announced-addresses.ts'
import { lanAddresses } from '../../../core/network/host.ts'
import { KnownPeers } from '../../../core/network/known-peers.ts'
import { secretFingerprint, swarmKey } from '../../../core/network/private-network.ts'
import { Refusals } from '../../../core/network/refusals.ts'
import { TrustedPeers } from '../../../core/network/trusted-peers.ts'
import type { Logger } from '../../../core/runtime/ports.ts'
import vectors from '../../vectors/identity.json'
import { peerOf } from '../store/fixtures.ts'

const [self, a, b, c] = ['self', 'a', 'b', 'c'].map(peerOf) as [string, string, string, string]
const at = (peer: string, port: number) => `/ip4/192.0.2.1/tcp/${port}/p2p/${peer}`

describe('known peers', () => {
  test('are tried in the order of configuration, file, and what they told of themselves', () => {
    const known = new KnownPeers(self)
    known.learn(c, ['/ip4/192.0.2.9/tcp/1'])
    expect(known.restore([at(b, 2), at(a, 1)])).toEqual([])
    expect(known.configure([at(a, 3)], 'cluster.peer_addresses')).toEqual([a])
    expect(known.all()).toEqual([
      { id: a, addresses: [at(a, 1), at(a, 3)] },
      { id: b, addresses: [at(b, 2)] },
      { id: c, addresses: [`/ip4/192.0.2.9/tcp/1/p2p/${c}`] },
    ])
  })

  test('come last after a dial that failed, until one reaches them', () => {
    const known = new KnownPeers(self)
    known.configure([at(a, 1), at(b, 2)], 'test')
    known.failed(a)
    expect(known.all().map(({ id }) => id)).toEqual([b, a])
    known.reached(a, '/ip4/192.0.2.7/tcp/7')
    expect(known.all().map(({ id }) => id)).toEqual([a, b])
    expect(known.addressesOf(a)).toEqual([`/ip4/192.0.2.7/tcp/7/p2p/${a}`, at(a, 1)])
  })

  test('keep what was given when they tell of themselves, and only the last that they told', () => {
    const known = new KnownPeers(self)
    known.configure([at(a, 1)], 'test')
    known.learn(a, ['/ip4/192.0.2.1/tcp/2', `/ip4/192.0.2.1/tcp/3/p2p/${a}`])
    known.learn(a, ['/ip4/192.0.2.1/tcp/4'])
    expect(known.addressesOf(a)).toEqual([at(a, 1), at(a, 4)])
  })

  test('are written to the file best first, with names only where there are names', () => {
    const known = new KnownPeers(self)
    known.restore([at(a, 1), at(b, 2)])
    known.configure([`/dns4/peer.example/tcp/9096/p2p/${b}`], 'test')
    expect(known.lines()).toEqual([`/dns4/peer.example/tcp/9096/p2p/${b}`, at(a, 1)])
  })

  test('do not have this peer itself among them', () => {
    const known = new KnownPeers(self)
    known.restore([at(self, 1)])
    known.learn(self, ['/ip4/192.0.2.1/tcp/2'])
    expect(known.all()).toEqual([])
  })

  test('are bounded: those that nobody named are forgotten first', () => {
    const known = new KnownPeers(self)
    known.configure([at(a, 1)], 'test')
    for (let index = 0; index < 10_000; index++) known.learn(`peer ${index}`, ['/ip4/192.0.2.1/tcp/2'])
    expect(known.all()).toHaveLength(10_000)
    expect(known.addressesOf(a)).toEqual([at(a, 1)])
    expect(known.addressesOf('peer 0')).toEqual([])
    known.learn(
      b,
      Array.from({ length: 100 }, (_, port) => `/ip4/192.0.2.1/tcp/${port + 1}`),
    )
    expect(known.addressesOf(b)).toHaveLength(32)
  })

  test('of lines that are no addresses of peers are told, and the rest is taken', () => {
    const known = new KnownPeers(self)
    expect(known.restore(['/ip4/192.0.2.1/tcp/1', at(a, 1), '/nonsense'])).toEqual([
      '/ip4/192.0.2.1/tcp/1',
      '/nonsense',
    ])
    expect(known.all()).toHaveLength(1)
    expect(() => known.configure(['/ip4/192.0.2.1/tcp/1'], 'cluster.peer_addresses')).toThrow(
      'cluster.peer_addresses: "/ip4/192.0.2.1/tcp/1" does not end in /p2p/<peer ID>',
    )
  })
})

describe('addresses that are not announced', () => {
  const hidden = isHidden(['/ip4/10.0.0.0/ipcidr/8', '/ip4/192.0.2.1/tcp/9096', '/ip6/fc00::/ipcidr/7'])
  for (const [address, expected] of [
    ['/ip4/10.1.2.3/tcp/9096', true],
    ['/ip4/11.1.2.3/tcp/9096', false],
    [`/ip4/192.0.2.1/tcp/9096/p2p/${self}`, true],
    ['/ip4/192.0.2.1/tcp/9097', false],
    ['/ip6/fd12::1/tcp/9096', true],
    ['/ip6/2001:db8::1/tcp/9096', false],
    ['/dns4/peer.example/tcp/9096', false],
  ] as const) {
    test(`${expected ? 'have' : 'do not have'} ${address} among them`, () => {
      expect(hidden(multiaddr(address))).toBe(expected)
    })
  }
})

describe('the secret', () => {
  for (const { psk_hex, fingerprint_hex, swarm_key_text } of vectors.psk) {
    test(`${psk_hex.slice(0, 8)}… has the fingerprint and the key file of Kubo`, () => {
      const secret = Uint8Array.from(Buffer.from(psk_hex, 'hex'))
      expect(secretFingerprint(secret)).toBe(fingerprint_hex)
      expect(swarmKey(secret)).toBe(swarm_key_text)
    })
  }
})

describe('trust', () => {
  test('is in this peer, in those that are listed, and in those added later', () => {
    const trusted = new TrustedPeers(self, [a])
    expect([self, a, b].map((peer) => trusted.has(peer))).toEqual([true, true, false])
    trusted.add(b)
    expect(trusted.has(b)).toBe(true)
    expect(trusted.named()).toEqual([a, b])
  })

  test('is in all with a star anywhere, and in nobody else with an empty list', () => {
    expect(new TrustedPeers(self, [a, '*']).has(c)).toBe(true)
    expect(new TrustedPeers(self, ['*']).named()).toEqual([])
    expect(new TrustedPeers(self, []).has(a)).toBe(false)
  })
})

describe('refusals', () => {
  test('are counted each and told once for each peer and kind', () => {
    const lines: string[] = []
    const logger: Logger = {
      debug() {},
      info() {},
      warn: (message, fields) => void lines.push(`${message} ${fields?.peer}`),
      error() {},
      component: () => logger,
    }
    const refusals = new Refusals(logger)
    for (let count = 0; count < 5; count++) refusals.note('broken metric', a, 'cut off')
    refusals.note('broken metric', b, 'cut off')
    refusals.note('broken heads', a, 'cut off')
    expect(Object.fromEntries(refusals.counts())).toEqual({ 'broken metric': 6, 'broken heads': 1 })
    expect(lines).toHaveLength(3)
  })
})

test('the DHT of the local network keeps no loopback and no public addresses', () => {
  const texts = ['/ip4/127.0.0.1/tcp/1', '/ip4/192.168.1.2/tcp/1', '/ip4/8.8.8.8/tcp/1', '/ip6/::1/tcp/1']
  const { multiaddrs } = lanAddresses({
    id: peerIdFromString(a),
    multiaddrs: texts.map((text) => multiaddr(text)),
  })
  expect(multiaddrs.map(String)).toEqual(['/ip4/192.168.1.2/tcp/1'])
})
