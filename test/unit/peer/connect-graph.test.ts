import { describe, expect, test } from 'bun:test'
import { MetricWindow } from '../../../core/monitor/metric-window.ts'
import { identityToWire } from '../../../core/network/rpc/conversion.ts'
import { RpcError } from '../../../core/network/rpc/errors.ts'
import { connectGraph } from '../../../core/peer/connect-graph.ts'
import { Members } from '../../../core/peer/members.ts'
import type { CallLimits, PeerCalls } from '../../../core/peer/peer-calls.ts'
import type { PeerIdentity } from '../../../core/pin/pin-info.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { alwaysAttentive } from '../../support/driven-clock.ts'
import { silentLogger } from '../api/silent-runtime.ts'

const self = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const other = '12D3KooWEKyPsvgm7g8vyRA59466ph3t9VLxEUFzNqTXHJdfY2Wq'
const third = '12D3KooWF84k1mETNdjWqZDy93UtQCFZ6H6yh8jwKqbfjTSgNSi3'
const ipfsOf = (peer: string) =>
  peer === self ? '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY' : third

function identity(id: string, given: Partial<PeerIdentity> = {}): PeerIdentity {
  return {
    id,
    addresses: [],
    clusterPeers: [],
    clusterPeersAddresses: [],
    version: '1.1.6',
    commit: '',
    rpcProtocolVersion: '',
    error: '',
    ipfs: { id: ipfsOf(id), addresses: [], error: '' },
    peerName: `name of ${id.slice(-4)}`,
    ...given,
  }
}

interface Asked {
  /** What each member says of the others; a function may throw or never end. */
  peers: Record<string, (limits: CallLimits) => AsyncIterable<PeerIdentity>>
  swarm?: (peer: string, limits: CallLimits) => Promise<string[]>
  ownSwarm?: (limits: { signal?: AbortSignal }) => Promise<string[]>
  own?: Partial<PeerIdentity>
  time?: VirtualTime
}

function graphOf(
  { peers, swarm = async () => [], ownSwarm = async () => [], own, time = new VirtualTime() }: Asked,
  signal?: AbortSignal,
) {
  const runtime = { clock: time, scheduler: time, random: new SeededRandom(1), logger: silentLogger }
  const calls = {
    async call(peer: string, method: { name: string }, _: unknown, limits: CallLimits) {
      if (method.name === 'Cluster.ID') return identityToWire(identity(peer))
      return await swarm(peer, limits)
    },
    async *stream(peer: string, _method: unknown, _values: unknown, limits: CallLimits) {
      for await (const each of peers[peer]!(limits)) yield identityToWire(each)
    },
  } as unknown as PeerCalls
  const members = new Members({
    self,
    window: new MetricWindow(alwaysAttentive(runtime.clock)),
    calls,
    alive: () => [self, ...Object.keys(peers)],
    identity: async () => identity(self, own),
    met: async () => undefined,
  })
  return connectGraph(
    {
      self,
      members,
      isTrusted: (peer) => peer !== other,
      calls,
      ipfs: { swarmPeers: ownSwarm },
      runtime,
    },
    signal,
  )
}

async function* each(...identities: PeerIdentity[]) {
  yield* identities
}

/** Waits for its end as a node that hangs would. */
function hang({ signal }: { signal?: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
}

describe('the graph of connections', () => {
  test('has what each member sees, whom this peer trusts, and what IPFS nodes are connected to', async () => {
    const graph = await graphOf({
      peers: { [other]: () => each(identity(self), identity(other), identity(third, { error: 'gone' })) },
      swarm: async () => [ipfsOf(self)],
      ownSwarm: async () => [ipfsOf(other)],
    })
    expect(graph.clusterId).toBe(self)
    expect(graph.clusterLinks).toEqual(
      new Map([
        [self, [other]],
        [other, [self]],
      ]),
    )
    expect(graph.trust).toEqual(
      new Map([
        [self, true],
        [other, false],
      ]),
    )
    expect(graph.peerNames).toEqual(new Map([self, other].map((peer) => [peer, `name of ${peer.slice(-4)}`])))
    expect(graph.ipfsIds).toEqual(new Map([self, other].map((peer) => [peer, ipfsOf(peer)])))
    expect(graph.ipfsLinks).toEqual(
      new Map([
        [ipfsOf(self), [ipfsOf(other)]],
        [ipfsOf(other), [ipfsOf(self)]],
      ]),
    )
  })

  test('has a member that does not let itself be asked without connections', async () => {
    const refused = () => {
      throw new RpcError('not for you', 'authorization')
    }
    const graph = await graphOf({ peers: { [other]: refused } })
    expect(graph.clusterLinks.get(other)).toEqual([])
    expect(graph.ipfsIds.has(other)).toBe(false)
  })

  test('leaves out IPFS nodes that do not answer', async () => {
    const broken = { id: ipfsOf(self), addresses: [], error: 'down' }
    const graph = await graphOf({ peers: {}, own: { ipfs: broken } })
    expect([...graph.ipfsIds, ...graph.ipfsLinks]).toEqual([])
  })

  test('comes in time when members and IPFS nodes hang, with what they said until then', async () => {
    const time = new VirtualTime()
    const waited = graphOf({
      peers: {
        [other]: async function* (limits) {
          yield* each(identity(self), identity(other))
          await hang(limits)
        },
      },
      swarm: (_, limits) => hang(limits),
      ownSwarm: hang,
      time,
    })
    time.run(15_000)
    const graph = await waited
    expect(graph.clusterLinks.get(other)).toEqual([self])
    expect(graph.ipfsLinks).toEqual(
      new Map([
        [ipfsOf(self), []],
        [ipfsOf(other), []],
      ]),
    )
  })

  test('ends with the reason when nobody waits for it any more', async () => {
    const cancel = new AbortController()
    const peers = {
      [other]: async function* (limits: CallLimits) {
        setImmediate(() => cancel.abort(new Error('nobody listens')))
        await hang(limits)
        yield* each()
      },
    }
    await expect(graphOf({ peers }, cancel.signal)).rejects.toThrow('nobody listens')
  })
})
