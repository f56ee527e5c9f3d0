import { expect, test } from 'bun:test'
import { EXECUTABLE, hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { crashDaemon } from './daemon-crash.ts'
import { whyNoUnsyncedWrites } from './unsynced-writes.ts'

const rounds = process.env.CLUSTER_TEST === 'full' ? 200 : 15
/** Milliseconds; a round takes about half a second on an idle machine. */
const timeout = rounds * 10_000

test.skipIf(!hasExecutable)(
  `${rounds} kills of a busy daemon lose no acknowledged change${whyMissing}`,
  async () => {
    const acknowledged = await crashDaemon({ executable: EXECUTABLE, rounds, dropUnsynced: false })
    expect(acknowledged).toBeGreaterThan(rounds)
  },
  { timeout },
)

const reason = whyNoUnsyncedWrites()
const whySkipped = whyMissing || (reason === undefined ? '' : ` (skipped: ${reason})`)

test.skipIf(whySkipped !== '')(
  `${rounds} kills that also drop unsynced writes lose no acknowledged change${whySkipped}`,
  async () => {
    const acknowledged = await crashDaemon({ executable: EXECUTABLE, rounds, dropUnsynced: true })
    expect(acknowledged).toBeGreaterThan(rounds)
  },
  { timeout },
)
