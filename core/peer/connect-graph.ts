/**
 * Who is connected to whom: each member is asked for the peers that it sees, and for those of its IPFS node
 * (`spec/wire.md` §8). Many are asked at once and none is waited for long; what is not known by then is left out.
 */
import type { ConnectGraph } from '../api/peer-service.ts'
import { identityFromWire } from '../network/rpc/conversion.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { IdWire } from '../network/rpc/wire-types.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { PeerIdentity } from '../pin/pin-info.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Runtime } from '../runtime/ports.ts'
import type { Members } from './members.ts'
import type { PeerCalls } from './peer-calls.ts'

/** Members that are asked at a time. */
const membersAtOnce = 32
/** Milliseconds for a member to name the peers that it sees; those named by then count. */
const peersTimeout = 10_000
/** Milliseconds for an IPFS node to name the nodes that it is connected to. */
const swarmTimeout = 5_000
/** Peers that one member may name. */
const maxNamed = 10_000

export interface ConnectGraphInit {
  self: PeerIdText
  members: Members
  isTrusted: (peer: PeerIdText) => boolean
  calls: PeerCalls
  ipfs: Pick<Ipfs, 'swarmPeers'>
  runtime: Runtime
}

/** Rejects with the signal's reason only. */
export async function connectGraph(init: ConnectGraphInit, signal?: AbortSignal): Promise<ConnectGraph> {
  const { self, members, isTrusted } = init
  const peers = [self, ...members.others()]
  const graph: ConnectGraph = {
    clusterId: self,
    peerNames: new Map(),
    ipfsLinks: new Map(),
    clusterLinks: new Map(peers.map((peer) => [peer, []])),
    trust: new Map(peers.map((peer) => [peer, isTrusted(peer)])),
    ipfsIds: new Map(),
  }
  const waiting = [...peers]
  const workers = Array.from({ length: membersAtOnce }, async () => {
    for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
      await askMember(init, graph, peer, signal)
    }
  })
  await Promise.all(workers)
  signal?.throwIfAborted()
  return graph
}

async function askMember(
  init: ConnectGraphInit,
  graph: ConnectGraph,
  peer: PeerIdText,
  signal: AbortSignal | undefined,
): Promise<void> {
  const seen = await seenBy(init, peer, signal)
  const itself = seen.get(peer)
  seen.delete(peer)
  graph.clusterLinks.set(peer, [...seen.keys()].sort())
  const name = itself?.peerName || init.members.namesOf(peer).peerName
  if (name !== '') graph.peerNames.set(peer, name)
  if (itself === undefined || itself.ipfs.error !== '' || itself.ipfs.id === '') return
  graph.ipfsIds.set(peer, itself.ipfs.id)
  graph.ipfsLinks.set(itself.ipfs.id, await swarmOf(init, peer, signal))
}

/** What a member says of the peers that answer it, itself among them. */
async function seenBy(
  { self, members, calls, runtime }: ConnectGraphInit,
  peer: PeerIdText,
  signal: AbortSignal | undefined,
): Promise<Map<PeerIdText, PeerIdentity>> {
  const seen = new Map<PeerIdText, PeerIdentity>()
  using limit = new Deadline(runtime.scheduler, peersTimeout, { signal })
  try {
    const named =
      peer === self
        ? members.identities(limit.signal)
        : identities(calls.stream(peer, rpc.peers, [], { signal: limit.signal }))
    for await (const identity of named) {
      if (identity.error === '') seen.set(identity.id, identity)
      if (seen.size >= maxNamed) break
    }
  } catch (error) {
    runtime.logger.debug('a member did not name all peers that it sees', { peer, error: String(error) })
  }
  return seen
}

async function* identities(rows: AsyncIterable<IdWire>): AsyncGenerator<PeerIdentity> {
  for await (const row of rows) yield identityFromWire(row)
}

async function swarmOf(
  { self, calls, ipfs, runtime }: ConnectGraphInit,
  peer: PeerIdText,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  using limit = new Deadline(runtime.scheduler, swarmTimeout, { signal })
  const limited = { signal: limit.signal }
  try {
    return await (peer === self ? ipfs.swarmPeers(limited) : calls.call(peer, rpc.swarmPeers, {}, limited))
  } catch (error) {
    runtime.logger.debug('the IPFS node of a member did not name its peers', { peer, error: String(error) })
    return []
  }
}
