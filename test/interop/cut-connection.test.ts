/**
 * A cluster of two peers of the original and two of ours, with all connections between them cut: all write while nothing comes
 * through, and must agree afterwards.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import type { CuttableLink } from './rig/cuttable-link.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { formCluster, linkAll, membersOf, samePins, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000
/** Writes of each peer while they are apart, over this many CIDs. */
const writes = 40
const contested = Array.from({ length: 20 }, (_, index) => `contested ${index}`)
const names = ['go1', 'ours1', 'go2', 'ours2'] as const

await describeWithGo('all sides of cut connections', ({ path }) => {
  describe.skipIf(!hasExecutable)(`two peers of each implementation${whyMissing}`, () => {
    const stack = new AsyncDisposableStack()
    let all: ClusterPeer[]
    let links: CuttableLink[]

    beforeAll(async () => {
      const kubo = () => stack.use(new MockKubo()).api
      all = []
      for (const name of names) {
        const peer = name.startsWith('go')
          ? GoPeer.create({ path, ipfs: kubo() })
          : OurPeer.create({ ipfs: kubo() })
        all.push(stack.use(await peer))
      }
      formCluster(all, {
        configure(service, peer) {
          service.cluster.peername = names[all.indexOf(peer)]
        },
      })
      links = await linkAll(all)
      for (const link of links) stack.use(link)
      await withLogs(all, () => startAll(all))
    }, timeout)
    afterAll(() => stack.disposeAsync(), timeout)

    for (const state of ['cut', 'silent'] as const) {
      test(
        `writes of the same CIDs end in the same winners when the connections were ${state}`,
        () =>
          withLogs(all, async () => {
            const [go1, ours1, go2, ours2] = all.map(({ client }) => client) as [
              Client,
              Client,
              Client,
              Client,
            ]
            const cid = (text: string) => cidOf(`${state} ${text}`).toString()
            const known = ['pinned again', 'unpinned by all', 'updated and unpinned'].map(cid)
            const [again, gone, updated] = known as [string, string, string]
            for (const each of known) await go1.pin(each, { name: 'before' })
            await samePins('before', all, (lines) => known.every((each) => nameIn(lines, each)))

            for (const link of links) link.state = state
            await Promise.all([go1.unpin(again), ours2.pin(again, { name: 'again' })])
            await Promise.all(all.map(({ client }) => client.unpin(gone)))
            await Promise.all([ours1.pinUpdate(CID.parse(updated), cid('the update')), go2.unpin(updated)])
            await Promise.all(all.map((peer) => contest(peer, cid)))
            const ends = await Promise.all(all.map((peer) => peer.pins()))
            for (const [index, lines] of ends.entries()) {
              const found = contested
                .map((text) => nameIn(lines, cid(text)))
                .filter((name) => name !== undefined)
              expect(found.length).toBeGreaterThan(0)
              // Nothing came through.
              for (const name of found) expect(name).toStartWith(`${names[index]} `)
            }

            for (const link of links) link.state = 'whole'
            const merged = await samePins('mended', all, undefined, 90_000)
            expect(nameIn(merged, again)).toBe('again')
            expect(nameIn(merged, gone)).toBeUndefined()
            expect(nameIn(merged, cid('the update'))).toBe('before')
            for (const text of contested) {
              const won = nameIn(merged, cid(text))
              expect(ends.map((lines) => nameIn(lines, cid(text)))).toContain(won)
            }
            await membersOf(all, all)
          }),
        timeout,
      )
    }

    test(
      'all export the same in the end',
      () =>
        withLogs(all, async () => {
          const lines = await samePins('at the end', all, (pins) => pins.length > 10)
          for (const peer of all) {
            await peer.stop()
            expect(await peer.exportState()).toEqual(lines)
          }
        }),
      timeout,
    )
  })
})

type Client = ClusterPeer['client']

/** Pins and unpins some of the contested CIDs. */
async function contest({ client, name }: ClusterPeer, cid: (text: string) => string): Promise<void> {
  for (let index = 0; index < writes; index++) {
    const text = contested[Math.floor(Math.random() * contested.length)]!
    if (Math.random() < 0.7) await client.pin(cid(text), { name: `${name} ${index}` })
    else await client.unpin(cid(text)).catch(onlyUnknown)
  }
}

function onlyUnknown(error: Error): void {
  if (!error.message.includes('not part of the pinset')) throw error
}

/** The name of the pin of a CID. */
function nameIn(lines: readonly string[], cid: string): string | undefined {
  return lines.map((line) => JSON.parse(line)).find((pin) => pin.cid === cid)?.name
}
