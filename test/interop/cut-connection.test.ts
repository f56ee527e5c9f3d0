/**
 * A cluster in two halves, each with a peer of the original and one of ours: both halves write while nothing comes through
 * between them, and must agree afterwards.
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
import { divide, formCluster, membersOf, samePins, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000
/** Writes of each side while they are apart, over this many CIDs. */
const writes = 60
const contested = Array.from({ length: 20 }, (_, index) => `contested ${index}`)

await describeWithGo('both sides of a cut connection', ({ path }) => {
  describe.skipIf(!hasExecutable)(`with a peer of each implementation${whyMissing}`, () => {
    const stack = new AsyncDisposableStack()
    let left: ClusterPeer[]
    let right: ClusterPeer[]
    let links: CuttableLink[]
    const all = () => [...left, ...right]

    beforeAll(async () => {
      const kubo = () => stack.use(new MockKubo()).api
      const goPeer = async () => stack.use(await GoPeer.create({ path, ipfs: kubo() }))
      const ourPeer = async () => stack.use(await OurPeer.create({ ipfs: kubo() }))
      left = [await goPeer(), await ourPeer()]
      right = [await goPeer(), await ourPeer()]
      const names = ['go left', 'ours left', 'go right', 'ours right']
      formCluster(all(), {
        configure(service, peer) {
          service.cluster.peername = names[all().indexOf(peer)]
        },
      })
      links = await divide(left, right)
      for (const link of links) stack.use(link)
      await withLogs(all(), () => startAll(all()))
    }, timeout)
    afterAll(() => stack.disposeAsync(), timeout)

    for (const state of ['cut', 'silent'] as const) {
      test(
        `writes of the same CIDs end in the same winners when the connection was ${state}`,
        () =>
          withLogs(all(), async () => {
            const cid = (text: string) => cidOf(`${state} ${text}`).toString()
            const pin = (peer: ClusterPeer, text: string, name: string) =>
              peer.client.pin(cid(text), { name })
            const unpin = (peer: ClusterPeer, text: string) => peer.client.unpin(cid(text))
            const known = ['kept by a pin', 'unpinned by both', 'updated and unpinned']
            for (const text of known) await pin(left[0]!, text, 'before')
            await samePins('before', all(), (lines) => known.every((text) => named(lines, cid(text))))

            for (const link of links) link.state = state

            const [[goLeft, oursLeft], [goRight, oursRight]] = [left, right] as [Pair, Pair]
            await Promise.all([unpin(goLeft, 'kept by a pin'), pin(oursRight, 'kept by a pin', 'right')])
            await Promise.all([unpin(oursLeft, 'unpinned by both'), unpin(goRight, 'unpinned by both')])
            await Promise.all([
              oursLeft.client.pinUpdate(CID.parse(cid('updated and unpinned')), cid('the update')),
              unpin(goRight, 'updated and unpinned'),
            ])
            await Promise.all([left, right].map((side, index) => contest(side, `side ${index}`, cid)))
            const [atLeft, atRight] = [await samePins('left', left), await samePins('right', right)]
            expect(atLeft).not.toEqual(atRight)

            for (const link of links) link.state = 'whole'
            const merged = await samePins('mended', all(), undefined, 90_000)
            expect(named(merged, cid('kept by a pin'))).toBe('right')
            expect(named(merged, cid('unpinned by both'))).toBeUndefined()
            expect(named(merged, cid('the update'))).toBe('before')
            // Each CID that only one side wrote is as that side left it, and a contested one as one of them did.
            for (const text of contested) {
              const ends = [atLeft, atRight].map((lines) => named(lines, cid(text)))
              expect(ends).toContain(named(merged, cid(text)))
            }
            await membersOf(all(), all())
          }),
        timeout,
      )
    }

    test(
      'all export the same in the end',
      () =>
        withLogs(all(), async () => {
          const lines = await samePins('at the end', all(), (pins) => pins.length > 10)
          for (const peer of all()) {
            await peer.stop()
            expect(await peer.exportState()).toEqual(lines)
          }
        }),
      timeout,
    )
  })
})

type Pair = [ClusterPeer, ClusterPeer]

/** Pins and unpins by both peers of a side, in turns. */
async function contest(
  side: readonly ClusterPeer[],
  tag: string,
  cid: (text: string) => string,
): Promise<void> {
  for (let index = 0; index < writes; index++) {
    const peer = side[index % side.length]!
    const text = contested[Math.floor(Math.random() * contested.length)]!
    if (Math.random() < 0.7) await peer.client.pin(cid(text), { name: `${tag}, ${index}` })
    else await peer.client.unpin(cid(text)).catch(onlyUnknown)
  }
}

/** A peer may not know the pin yet, or no longer. */
function onlyUnknown(error: Error): void {
  if (!error.message.includes('not part of the pinset')) throw error
}

/** The name of the pin of a CID. */
function named(lines: readonly string[], cid: string): string | undefined {
  return lines.map((line) => JSON.parse(line)).find((pin) => pin.cid === cid)?.name
}
