/** The IPFS nodes of the members are connected with this peer's, whatever one of them says of its own. */
import { expect, test } from 'bun:test'
import type { Members } from '../../../core/peer/members.ts'
import { SwarmLinks } from '../../../core/peer/swarm-links.ts'
import type { Ipfs } from '../../../core/runtime/ipfs.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { quietRuntime } from '../ipfs/test-runtime.ts'

/** `addresses`: what each member says. Addresses with `dead` take the connection and say nothing. */
function rig(addresses: Record<string, string[]>) {
  const time = new VirtualTime()
  const dialled: string[] = []
  const ipfs = {
    swarmPeers: async () => [],
    connect: (address: string, { signal }: { signal: AbortSignal }) => {
      dialled.push(address)
      if (address.includes('closed')) return Promise.reject(new Error('refused'))
      if (!address.includes('dead')) return Promise.resolve()
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  } as unknown as Ipfs
  const members = {
    others: () => Object.keys(addresses),
    namesOf: () => ({ ipfsId: '' }),
    identityOf: async (peer: string) => ({ ipfs: { id: `${peer}-node`, addresses: addresses[peer]! } }),
  } as unknown as Members
  const runtime = { ...quietRuntime(), clock: time, scheduler: time }
  const links = new SwarmLinks({ ipfs, members, interval: 60_000, runtime })
  return { time, dialled, links }
}

test('a member whose addresses do not answer holds up no other', async () => {
  const { time, dialled, links } = rig({
    hostile: ['/dns4/dead/p2p/hostile-node'],
    honest: ['/dns4/good/p2p/honest-node'],
  })
  links.heardOf('hostile')
  time.run(2_000)
  expect(dialled).toContain('/dns4/good/p2p/honest-node')
  await links[Symbol.asyncDispose]()
})

test('of a member, 16 addresses of its own node are dialled and no others', async () => {
  const own = Array.from({ length: 40 }, (_, number) => `/dns4/closed-${number}/p2p/hostile-node`)
  const { time, dialled, links } = rig({ hostile: ['/dns4/foreign/p2p/another-node', ...own] })
  links.heardOf('hostile')
  time.run(2_000)
  expect(dialled).toEqual(own.slice(0, 16))
  await links[Symbol.asyncDispose]()
})
