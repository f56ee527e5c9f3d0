import { expect, test } from 'bun:test'
import { join } from 'node:path'

test(
  'a failure is made as small as it can be, and told with the commit and the seed',
  async () => {
    const args = ['--mutation', 'the bytes of blocks are not kept', '--seed', '2']
    const run = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args])
    const text = await new Response(run.stdout).text()
    expect(await run.exited).toBe(1)
    expect(text).toStartWith('commit ')
    expect(text).toContain('seed 2 fails with 2 peers, 1 operations and 0 faults:')
    expect(text).toContain('anytime_heads_have_their_blocks')
  },
  { timeout: 300_000 },
)
