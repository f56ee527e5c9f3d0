import { expect, test } from 'bun:test'
import { failureOf } from '../unit/store/fixtures.ts'
import { crashStore } from './store-crash.ts'
import { whyNoUnsyncedWrites } from './unsynced-writes.ts'

const rounds = process.env.CLUSTER_TEST === 'full' ? 200 : 20
/** Milliseconds; a round takes about half a second on an idle machine. */
const timeout = rounds * 10_000

const reason = whyNoUnsyncedWrites()
const whySkipped = reason === undefined ? '' : ` (skipped: ${reason})`

test(
  `${rounds} kills of a busy store lose no acknowledged change`,
  async () => {
    expect(await crashStore({ rounds, unsynced: 'kept' })).toBeGreaterThan(rounds)
  },
  timeout,
)

for (const unsynced of ['dropped', 'mixed'] as const) {
  test.skipIf(reason !== undefined)(
    `${rounds} kills with unsynced writes ${unsynced} lose no acknowledged change${whySkipped}`,
    async () => {
      expect(await crashStore({ rounds, unsynced })).toBeGreaterThan(rounds)
    },
    timeout,
  )
}

test.skipIf(reason !== undefined)(
  `a disk on which syncs do nothing is found out${whySkipped}`,
  async () => {
    const error = await failureOf(crashStore({ rounds: 20, unsynced: 'dropped', syncsInVain: true }))
    expect(error.message).toMatch(/promises broken|did not open|failed|damaged|the check found/)
  },
  timeout,
)
