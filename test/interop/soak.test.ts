/** A short run of `soak.ts`: a minute, and three in full tests (`CLUSTER_TEST=full`). An hour of it is run by hand. */
import { expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { soak } from './soak.ts'

const minutes = process.env.CLUSTER_TEST === 'full' ? 3 : 1
/** Milliseconds: the run itself, and time to start, to heal and to compare. */
const timeout = minutes * 60_000 + 600_000

await describeWithGo('a mixed cluster under random faults', ({ path }) => {
  test.skipIf(!hasExecutable)(
    `exports the same from all peers in the end${whyMissing}`,
    async () => {
      const lines: string[] = []
      const seed = Math.floor(Math.random() * 2 ** 32)
      const report = await soak({ path, minutes, seed, say: (line) => lines.push(line) }).catch((error) => {
        console.error(`seed ${seed}\n${lines.join('\n')}`)
        throw error
      })
      expect(report.pins).toBeGreaterThan(0)
      for (const event of ['pins', 'updates', 'unpins', 'writes refused by the follower'])
        expect(report.counts[event]).toBeGreaterThan(0)
    },
    timeout,
  )
})
