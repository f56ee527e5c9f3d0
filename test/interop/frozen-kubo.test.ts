/** A Kubo that hangs holds up its own pins and nothing else (`spec/behaviour.md` §11 nos. 1, 2, 35). */
import { describe, expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { statuses } from './rig/content.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { SteadyWrites } from './rig/steady-writes.ts'
import { eventually, formCluster, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 180_000

/** Writes that each peer accepts before the Kubo is frozen, and at least meanwhile. */
const some = 30

await describeWithGo('a Kubo that hangs', ({ path }) => {
  describe.skipIf(!hasExecutable)(`beside one of two peers${whyMissing}`, () => {
    test(
      'delays no write and no reply of either; statuses say why they wait; when it goes on, all pins finish',
      async () => {
        await using stack = new AsyncDisposableStack()
        const frozen = stack.use(await KuboNode.start({ program: path.ipfs }))
        const sound = stack.use(await KuboNode.start({ program: path.ipfs }))
        const beside = stack.use(await OurPeer.create({ ipfs: frozen.api }))
        const other = stack.use(await OurPeer.create({ ipfs: sound.api }))
        const peers = [beside, other]
        formCluster(peers, {
          configure: (service, peer) => {
            service.cluster.peername = peer === beside ? 'beside' : 'other'
            // What is restarted counts again, and must not be cut meanwhile.
            service.ipfs_connector.ipfshttp.pin_timeout = '60s'
          },
        })
        // A program that is stopped cannot end.
        stack.defer(() => frozen.signal('SIGCONT'))
        await withLogs(peers, async () => {
          await startAll(peers)
          const before = await whileWriting(peers, (writes) => accepted(writes, some))
          await eventually('all are pinned before', () => pinnedOn(peers, before))

          await frozen.hang()
          const meanwhile = await whileWriting(peers, async (writes) => {
            await accepted(writes, some)
            const cid = writes[1]!.accepted[0]!
            await eventually(
              'the other peer has pinned it, the one beside it says why it has not',
              async () => {
                const own = (await other.client.status(cid)).peer_map
                const [here, there] = [own?.[beside.id], own?.[other.id]]
                return there?.status === 'pinned' && here?.error?.startsWith('waiting for the IPFS node: ')
              },
            )
            expect(await statuses(beside, cid)).toMatchObject({ other: 'pinned' })
            await accepted(writes, writes[0]!.accepted.length + some)
          })
          await eventually('the other peer has pinned all', () => pinnedOn([other], meanwhile))
          expect(await unpinnedOn(beside, meanwhile)).toBeGreaterThan(0)
          expect((await other.client.id()).ipfs.error).toBe('')

          frozen.signal('SIGCONT')
          await eventually('all are pinned after', () => pinnedOn(peers, meanwhile), 90_000)
          for (const peer of peers) expect(await attempts(peer, meanwhile)).toBe(0)
        })
      },
      timeout,
    )
  })
})

/** Writes to all peers while `run` runs. Every write must be accepted. Gives the CIDs. */
async function whileWriting(
  peers: readonly OurPeer[],
  run: (writes: SteadyWrites[]) => Promise<void>,
): Promise<Set<string>> {
  const writes = peers.map((peer) => new SteadyWrites(peer, { clients: 2, pause: 100 }))
  try {
    await run(writes)
  } finally {
    for (const each of writes) await each[Symbol.asyncDispose]()
  }
  for (const { refused } of writes) expect(refused).toEqual([])
  return new Set(writes.flatMap((each) => each.accepted))
}

async function accepted(writes: SteadyWrites[], count: number): Promise<void> {
  await eventually(`each peer has accepted ${count} writes`, () =>
    writes.every((each) => each.accepted.length >= count),
  )
}

async function pinnedOn(peers: readonly OurPeer[], cids: ReadonlySet<string>): Promise<boolean> {
  for (const peer of peers) if ((await unpinnedOn(peer, cids)) > 0) return false
  return true
}

/** How many of these the peer has not pinned. */
async function unpinnedOn(peer: OurPeer, cids: ReadonlySet<string>): Promise<number> {
  const rows = await ownRows(peer, cids)
  return cids.size - rows.filter(({ status }) => status === 'pinned').length
}

/** Tries that were counted against these. */
async function attempts(peer: OurPeer, cids: ReadonlySet<string>): Promise<number> {
  return (await ownRows(peer, cids)).reduce((sum, row) => sum + row.attempt_count, 0)
}

async function ownRows(peer: OurPeer, cids: ReadonlySet<string>) {
  const rows = await Array.fromAsync(peer.client.statusAll({ local: true }))
  return rows.flatMap(({ cid, peer_map }) => (cids.has(cid) ? Object.values(peer_map ?? {}) : []))
}
