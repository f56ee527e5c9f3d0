/** What must come to hold some time after all faults have gone. */
import { type Check, type LivePeer, livePeers, onEach, pinsOf, recordsOf, type World } from './world.ts'

export const eventuallyChecks: Record<string, Check> = {
  eventually_all_peers_have_equal_heads: (world) =>
    differences(world, ({ store }) => store.heads().map(({ cid, priority }) => `${cid} at ${priority}`)),

  eventually_all_peers_have_equal_pins: (world) =>
    differences(world, (peer) =>
      pinsOf(peer).map((pin) => `${pin.cid} ${pin.name} ${pin.mode} ${pin.allocations}`),
    ),

  eventually_queues_drain: (world) =>
    onEach(world, (peer) =>
      recordsOf(peer, world.contents)
        .filter(
          ({ cid, status }) =>
            status !== 'pinned' && !(status === 'pin_error' && world.missing.has(cid.toString())),
        )
        .map(({ cid, status, attempts, error }) => `${cid} is ${status} after ${attempts} tries: ${error}`),
    ),

  eventually_pinned_is_what_ipfs_holds: (world) =>
    onEach(world, (peer) =>
      recordsOf(peer, world.contents)
        .filter(({ status, cid, want }) => {
          const held = peer.ipfs.pinned.get(cid.toString())?.state
          return status === 'pinned' && held !== want && held !== 'recursive'
        })
        .map(({ cid }) => `${cid} is shown as pinned, and IPFS does not hold it`),
    ),
}

/** What a peer has that the first one has not, and the reverse. */
function differences(world: World, list: (peer: LivePeer) => string[]): string[] {
  const [first, ...others] = livePeers(world)
  if (first === undefined) return []
  const here = new Set(list(first))
  return others.flatMap((peer) => {
    const there = new Set(list(peer))
    return [
      ...[...there.difference(here)].map((item) => `${peer.name} has ${item}; ${first.name} has not`),
      ...[...here.difference(there)].map((item) => `${first.name} has ${item}; ${peer.name} has not`),
    ]
  })
}
