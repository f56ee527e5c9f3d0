/** Runs the lines of the pages for several peers on one machine word for word, each peer with an IPFS node of its own. */
import { describe, expect, test } from 'bun:test'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { hasExecutable, hermeticEnvironment, whyMissing } from './peer-process.ts'

const TOP = join(import.meta.dir, '../..')
const timeout = 120_000

describe.skipIf(!hasExecutable)(`the lines of the pages${whyMissing}`, () => {
  test(
    'README.md: three peers pin what is added on one, and unpin it',
    async () => {
      const readme = await Bun.file(join(TOP, 'README.md')).text()
      const part = readme.slice(readme.indexOf('## Three peers'), readme.indexOf('## More'))
      await using run = await runBlocks(part)
      for (const name of ['peer1', 'peer2', 'peer3']) {
        expect(run.stdout).toContain(`| ${name} | Sees 2 other peers`)
        expect(run.stdout).toMatch(new RegExp(`> ${name} +: PINNED \\|`))
        expect(await run.file(`${name}.log`)).toContain('stopping the peer')
      }
      expect(run.stdout).not.toContain('ERROR')
    },
    timeout,
  )

  test(
    'docs/operating.md: copies are one in each region, and come back when a peer dies',
    async () => {
      await using run = await runBlocks(await Bun.file(join(TOP, 'docs/operating.md')).text())
      const lists = run.stdout.split(/^Qm\w+:$/m).slice(1)
      const holders = lists.map((list) => [...list.matchAll(/> (\w+?)\d +: PINNED \|/g)].map(([, at]) => at))
      expect(holders.map((regions) => regions.length)).toEqual([3, 3])
      expect(holders[0]?.toSorted()).toEqual(['america', 'asia', 'europe'])
      expect(new Set(holders[1])).toEqual(new Set(['america', 'europe']))
      expect(await run.file('europe2.log')).toContain('stopping the peer')
    },
    timeout,
  )
})

/** Runs the shell blocks of a page, as one script, to its end in a folder with `README.md`. Rejects when it fails. */
async function runBlocks(page: string) {
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block)
  expect(blocks.length).toBeGreaterThan(2)
  await using stack = new AsyncDisposableStack()
  const home = stack.use(await temporaryFolder())
  await cp(join(TOP, 'README.md'), join(home.path, 'README.md'))
  const shell = Bun.spawn(['sh', '-eux', '-c', blocks.join('')], {
    cwd: home.path,
    env: hermeticEnvironment(home.path),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  })
  // It is the leader of a group of processes, which ends with it also when the test fails.
  stack.defer(async () => {
    endGroup(shell.pid)
    await shell.exited
  })
  const [stdout, stderr] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
  ])
  expect(await shell.exited, stderr).toBe(0)
  const started = stack.move()
  return {
    stdout,
    file: (name: string) => Bun.file(join(home.path, name)).text(),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    // They have all ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
