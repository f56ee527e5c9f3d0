import { describe, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { damages } from './peer-damage.ts'
import { whyNoUnsyncedWrites } from './unsynced-writes.ts'

/** Milliseconds; a case takes some seconds on an idle machine. */
const timeout = 300_000

describe(`the built daemon sees that${whyMissing}`, () => {
  for (const [name, run] of Object.entries(damages)) {
    const needsLibrary = name.includes('clock')
    const reason = needsLibrary ? whyNoUnsyncedWrites() : undefined
    test.skipIf(!hasExecutable || reason !== undefined)(
      `${name}${reason === undefined ? '' : ` (skipped: ${reason})`}`,
      run,
      { timeout },
    )
  }
})
