/** Two peers as processes, each with an IPFS node of its own. */
import { describe, expect, test } from 'bun:test'
import { eventually } from '../support/network-peer.ts'
import { hasExecutable, startTwo, whyMissing } from './peer-process.ts'

const environment = { CLUSTER_SECRET: 'ef'.repeat(32), CLUSTER_IPFSHTTP_CONNECTSWARMSDELAY: '1s' }
const content = 'word of a peer\n'.repeat(50_000)

describe.skipIf(!hasExecutable)(`two peers with one secret${whyMissing}`, () => {
  test('what is added on one becomes PINNED on the other, which serves it', async () => {
    await using peers = await startTwo(environment)
    const { first, second } = peers
    await Bun.write(`${first.home}/content`, content)
    const cid = (await first.output('add', '--quieter', `${first.home}/content`)).trim()
    await eventually(
      'pinned on both',
      async () => {
        const said = await Promise.all([first, second].map((peer) => peer.output('status', cid)))
        return said.every((text) => /> first +: PINNED \|/.test(text) && /> second +: PINNED \|/.test(text))
      },
      40_000,
    )
    const read = await fetch(`${second.gateway}/ipfs/${cid}`)
    expect((await read.text()) === content).toBe(true)
  }, 90_000)
})
