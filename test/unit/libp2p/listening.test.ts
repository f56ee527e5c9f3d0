import { expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { startHost } from '../../../core/ipfs/embedded/host.ts'
import { unheardIpv6 } from '../../../core/libp2p/listening.ts'
import { loopback } from '../ipfs/embedded-node.ts'

test('addresses of IPv6 at which nothing listens are told, if there are any', async () => {
  // An address for documentation, which no machine has, as on one without IPv6 none is there.
  const listen = ['/ip4/127.0.0.1/tcp/0', '/ip6/2001:db8::1/tcp/0']
  const config = { ...loopback, swarmListenMultiaddress: listen }
  await using host = await startHost(config, await generateKeyPair('Ed25519'), 'test')
  expect(unheardIpv6(host.libp2p, listen)).toEqual([listen[1]!])
  expect(unheardIpv6(host.libp2p, [listen[0]!])).toEqual([])
})
