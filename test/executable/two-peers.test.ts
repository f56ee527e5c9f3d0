/** Two peers as processes, each with an IPFS node of its own. */
import { describe, expect, test } from 'bun:test'
import { eventually } from '../support/network-peer.ts'
import { EXECUTABLE, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

const environment = { CLUSTER_SECRET: 'ef'.repeat(32), CLUSTER_IPFSHTTP_CONNECTSWARMSDELAY: '1s' }
const content = 'word of a peer\n'.repeat(50_000)

describe.skipIf(!hasExecutable)(`two peers with one secret${whyMissing}`, () => {
  test('what is added on one becomes PINNED on the other, which serves it', async () => {
    await using first = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'first' })
    await using second = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'second' })
    const output = async (peer: PeerProcess, ...args: string[]) => {
      const { exitCode, stdout, stderr } = await peer.run([EXECUTABLE, ...args])
      expect([args, exitCode, stderr]).toEqual([args, 0, ''])
      return stdout
    }
    await first.start()
    const { addresses } = JSON.parse(await output(first, 'id', '--json'))
    await second.start('--bootstrap', addresses[0])
    await Bun.write(`${first.home}/content`, content)
    const cid = (await output(first, 'add', '--quieter', `${first.home}/content`)).trim()
    await eventually(
      'pinned on both',
      async () => {
        const said = await Promise.all([first, second].map((peer) => output(peer, 'status', cid)))
        return said.every((text) => /> first +: PINNED \|/.test(text) && /> second +: PINNED \|/.test(text))
      },
      40_000,
    )
    const read = await fetch(`${second.gateway}/ipfs/${cid}`)
    expect((await read.text()) === content).toBe(true)
  }, 90_000)
})
