/** What goes wrong in `soak.ts`: connections break or fall silent, and peers are killed, stopped or made to stand still. */
import { setTimeout } from 'node:timers/promises'
import type { SeededRandom } from '../sim/seeded-random.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import { OurPeer } from './rig/our-peer.ts'
import type { PairLinks } from './rig/pair-links.ts'

export interface Faults {
  peers: readonly ClusterPeer[]
  links: PairLinks
  random: SeededRandom
  signal: AbortSignal
  /** Told as it begins: `of` says whom it is about. */
  told(event: string, of: string): void
}

/** ms that a fault lasts, and ms between two, at most. */
const longestFault = 12_000
const longestPause = 20_000

/** Until the signal; then all is whole and every peer runs. Rejects when a peer of ours ends by itself. */
export async function disturb(faults: Faults): Promise<void> {
  const [network, processes] = [faults.random.fork(), faults.random.fork()]
  await Promise.all([
    repeat({ ...faults, random: network }, disturbNetwork),
    repeat({ ...faults, random: processes }, async (each) => {
      await startFallen(each)
      await disturbProcess(each)
    }),
  ])
  await startFallen(faults)
}

async function repeat(faults: Faults, once: (faults: Faults) => Promise<void>): Promise<void> {
  for (;;) {
    await pause(faults.random.float() * longestPause, faults.signal)
    if (faults.signal.aborted) return
    await once(faults)
  }
}

/** The original panics now and then, when it is called before it is ready. */
async function startFallen({ peers, told }: Faults): Promise<void> {
  for (const peer of peers.filter(({ daemon }) => daemon.hasEnded)) {
    if (peer instanceof OurPeer) throw new Error(`${peer.name} ended by itself`)
    told('falls of the original', peer.name)
    await peer.start()
  }
}

async function disturbNetwork({ peers, links, random, signal, told }: Faults): Promise<void> {
  const state = random.chance(0.5) ? 'cut' : 'silent'
  const some = peers.filter(() => random.chance(0.5))
  const one = random.pick(peers)
  const other = random.pick(peers.filter((peer) => peer !== one))
  const ms = random.float() * longestFault
  const names = (group: readonly ClusterPeer[]) => group.map(({ name }) => name).join(', ') || 'nobody'
  switch (random.between(0, 4)) {
    case 0:
      told('broken connections', 'all with all')
      links.all('cut')
      break
    case 1:
      told(`${state} from all others`, one.name)
      links.between([one], state)
      await pause(ms, signal)
      break
    case 2:
      told(`${state} from each other: two peers`, names([one, other]))
      links.pair(one, other, state)
      await pause(ms, signal)
      break
    case 3:
      told(`${state} from each other: two sides`, names(some))
      links.between(some, state)
      await pause(ms, signal)
      break
    case 4:
      told(`${state} from each other: all peers`, names(peers))
      links.all(state)
      await pause(ms, signal)
      break
  }
  links.all('whole')
}

async function disturbProcess({ peers, random, signal, told }: Faults): Promise<void> {
  const peer = random.pick(peers)
  const ms = random.float() * longestFault
  const kind = random.float()
  if (kind < 0.6) {
    told('kills', peer.name)
    await peer.kill()
    await pause(ms, signal)
    await peer.start()
  } else if (kind < 0.8) {
    told('stops', peer.name)
    await peer.stop()
    await pause(ms, signal)
    await peer.start()
  } else {
    told('standstills', peer.name)
    peer.signal('SIGSTOP')
    await pause(ms, signal)
    peer.signal('SIGCONT')
  }
}

/** Ends early on the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined)
}
