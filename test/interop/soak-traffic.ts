/** What clients do to a cluster in `soak.ts`: each full peer gets pins, updates and unpins, and a follower must refuse them. */
import { CID } from 'multiformats/cid'
import { ApiError } from '../../core/client/errors.ts'
import type { SeededRandom } from '../sim/seeded-random.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'

/** CIDs that all clients work on: few enough to meet each other often. */
const cidCount = 400
/** Milliseconds between two writes of one client, at most. */
const longestPause = 800
/** Milliseconds after which a client gives up on an answer: its peer may stand still. */
const answerTimeout = 30_000

const cids = Array.from({ length: cidCount }, (_, index) => cidOf(`soak ${index}`).toString())

/** What may be answered instead of success, and how it is counted. Anything else is a mistake of a peer. */
const expectedFailures = [
  { text: 'not part of the pinset', counted: 'writes about unknown CIDs' },
  { text: 'not enough peers', counted: 'pins without enough peers' },
] as const
const followerRefusal = 'this peer is configured to be in follower mode. Write operations are disabled'

export interface Traffic {
  peers: readonly ClusterPeer[]
  follower: ClusterPeer
  random: SeededRandom
  signal: AbortSignal
  count(event: string): void
}

/** Writes until the signal. Rejects when a peer answers what it must not. */
export async function write({ peers, follower, random, signal, count }: Traffic): Promise<void> {
  const clients = peers.map((peer) => ({ peer, draws: random.fork() }))
  const followerDraws = random.fork()
  await Promise.all([
    ...clients.map(({ peer, draws }) =>
      until(signal, draws, longestPause, async () => count(await writeOnce(peer, draws))),
    ),
    until(signal, followerDraws, 20 * longestPause, async () =>
      count(await askFollower(follower, followerDraws)),
    ),
  ])
}

async function until(
  signal: AbortSignal,
  draws: SeededRandom,
  pause: number,
  run: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await run()
    await Bun.sleep(draws.float() * pause)
  }
}

/** Gives what it is counted as. */
async function writeOnce(peer: ClusterPeer, draws: SeededRandom): Promise<string> {
  const { client } = peer
  const options = { signal: AbortSignal.timeout(answerTimeout) }
  const [cid, other, kind] = [draws.pick(cids), draws.pick(cids), draws.float()]
  const name = `${peer.name} ${draws.between(0, 999_999)}`
  try {
    if (kind < 0.6) {
      const copies = draws.chance(0.2) ? { replicationFactorMin: 1, replicationFactorMax: 2 } : {}
      await client.pin(cid, { name, metadata: { by: peer.name }, ...copies }, options)
      return 'pins'
    }
    if (kind < 0.75) {
      await client.pinUpdate(CID.parse(cid), other, { name }, options)
      return 'updates'
    }
    await client.unpin(cid, options)
    return 'unpins'
  } catch (error) {
    return countedAs(error, peer)
  }
}

async function askFollower(follower: ClusterPeer, draws: SeededRandom): Promise<string> {
  try {
    await follower.client.pin(draws.pick(cids), {}, { signal: AbortSignal.timeout(answerTimeout) })
  } catch (error) {
    if (error instanceof ApiError && error.message.includes(followerRefusal))
      return 'writes refused by the follower'
    return countedAs(error, follower)
  }
  throw new Error('the follower took a write')
}

function countedAs(error: unknown, peer: ClusterPeer): string {
  if (!(error instanceof ApiError)) {
    if ((error as Error).name === 'TimeoutError') return 'writes without an answer'
    throw error
  }
  if (error.code === 0) return 'writes without an answer'
  const expected = expectedFailures.find(({ text }) => error.message.includes(text))
  if (expected === undefined) throw new Error(`${peer.name} answered ${error.code}: ${error.message}`)
  return expected.counted
}
