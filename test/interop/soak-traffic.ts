/** What clients do to a cluster in `soak.ts`: each full peer gets pins, updates and unpins, and a follower must refuse them. */
import { CID } from 'multiformats/cid'
import { ApiError } from '../../core/client/errors.ts'
import { PinsetOracle, type Wanted } from '../crash/pinset-oracle.ts'
import type { SeededRandom } from '../sim/seeded-random.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import { GoPeer } from './rig/go-peer.ts'

/** CIDs that all clients work on: few enough to meet each other often. */
const contested = cidsOf('soak', 400)
/** CIDs of each client that nobody else writes. */
const ownCount = 40
/** Milliseconds between two writes of one client, at most. */
const longestPause = 800
/** Milliseconds after which a client gives up on an answer: its peer may stand still. */
const answerTimeout = 30_000

/** What may be answered instead of success, and how it is counted. Anything else is a mistake of a peer of ours. */
const expectedFailures = [
  { text: 'not part of the pinset', counted: 'writes about unknown CIDs' },
  { text: 'not enough peers', counted: 'pins without enough peers' },
] as const
const noAnswer = 'writes without an answer'
/** Such as those of its closed parts, while it stops. The write may have happened. */
const otherError = 'other errors of the original'
const followerRefusal = 'this peer is configured to be in follower mode. Write operations are disabled'

/** Writes one after the other to one peer. */
export class SoakClient {
  readonly peer: ClusterPeer
  readonly #draws: SeededRandom
  readonly #own: readonly string[]
  readonly #promises = new PinsetOracle()
  /** Own CIDs with a write that may still happen after later ones. */
  readonly #unclear = new Set<string>()

  constructor(peer: ClusterPeer, draws: SeededRandom) {
    this.peer = peer
    this.#draws = draws
    this.#own = cidsOf(`soak of ${peer.name}`, ownCount)
  }

  /** Until the signal. Rejects when the peer answers what it must not. */
  async write(signal: AbortSignal, count: (event: string) => void): Promise<void> {
    await repeat(signal, this.#draws, longestPause, async () => {
      count(this.#draws.chance(0.3) ? await this.#writeOwn() : await this.#writeContested())
    })
  }

  /** Acknowledged changes of own CIDs that a pinset lacks. */
  lost(pinned: ReadonlySet<string>): string[] {
    const judged = this.#own.filter((cid) => !this.#unclear.has(cid))
    const lost = this.#promises.broken(new Set(judged.filter((cid) => pinned.has(cid))))
    return lost.filter((complaint) => judged.some((cid) => complaint.startsWith(cid)))
  }

  async #writeContested(): Promise<string> {
    const [draws, { client, name: by }] = [this.#draws, this.peer]
    const [cid, other, kind] = [draws.pick(contested), draws.pick(contested), draws.float()]
    const name = `${by} ${draws.between(0, 999_999)}`
    const copies = draws.chance(0.2) ? { replicationFactorMin: 1, replicationFactorMax: 2 } : {}
    const options = { signal: AbortSignal.timeout(answerTimeout) }
    try {
      if (kind < 0.6) {
        await client.pin(cid, { name, metadata: { by }, ...copies }, options)
        return 'pins'
      }
      if (kind < 0.75) {
        await client.pinUpdate(CID.parse(cid), other, { name }, options)
        return 'updates'
      }
      await client.unpin(cid, options)
      return 'unpins'
    } catch (error) {
      return countedAs(error, this.peer)
    }
  }

  async #writeOwn(): Promise<string> {
    const cid = this.#draws.pick(this.#own)
    const wanted: Wanted = this.#draws.chance(0.6) ? 'pinned' : 'unpinned'
    const options = { signal: AbortSignal.timeout(answerTimeout) }
    this.#promises.asked(cid, wanted)
    try {
      if (wanted === 'pinned') await this.peer.client.pin(cid, { name: `own of ${this.peer.name}` }, options)
      else await this.peer.client.unpin(cid, options)
      this.#promises.answered(cid, wanted)
      return wanted === 'pinned' ? 'pins' : 'unpins'
    } catch (error) {
      if (options.signal.aborted) this.#unclear.add(cid)
      const counted = countedAs(error, this.peer)
      if (counted !== noAnswer && counted !== otherError) this.#promises.refused(cid)
      return counted
    }
  }
}

/** Asks a follower to pin, now and then, until the signal. Rejects when it does. */
export async function askFollower(
  follower: ClusterPeer,
  draws: SeededRandom,
  signal: AbortSignal,
  count: (event: string) => void,
): Promise<void> {
  await repeat(signal, draws, 20 * longestPause, async () => {
    try {
      await follower.client.pin(draws.pick(contested), {}, { signal: AbortSignal.timeout(answerTimeout) })
    } catch (error) {
      const isRefused = error instanceof ApiError && error.message.includes(followerRefusal)
      count(isRefused ? 'writes refused by the follower' : countedAs(error, follower))
      return
    }
    throw new Error('the follower took a write')
  })
}

async function repeat(
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

function countedAs(error: unknown, peer: ClusterPeer): string {
  if ((error as Error).name === 'TimeoutError') return noAnswer
  if (!(error instanceof ApiError)) throw error
  if (error.code === 0) return noAnswer
  const expected = expectedFailures.find(({ text }) => error.message.includes(text))
  if (expected !== undefined) return expected.counted
  if (peer instanceof GoPeer) return otherError
  throw new Error(`${peer.name} answered ${error.code}: ${error.message}`)
}

function cidsOf(text: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => cidOf(`${text} ${index}`).toString())
}
