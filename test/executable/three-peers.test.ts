/** Runs the lines of README.md for three peers on one machine word for word, each with an IPFS node of its own. */
import { describe, expect, test } from 'bun:test'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { hasExecutable, hermeticEnvironment, whyMissing } from './peer-process.ts'

const TOP = join(import.meta.dir, '../..')
const timeout = 120_000

describe.skipIf(!hasExecutable)(`three peers by the lines of the README${whyMissing}`, () => {
  test(
    'pin on all what is added on one, and unpin it',
    async () => {
      const readme = await Bun.file(join(TOP, 'README.md')).text()
      const part = readme.slice(readme.indexOf('## Three peers'), readme.indexOf('## More'))
      const blocks = [...part.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block)
      expect(blocks.length).toBeGreaterThan(2)

      await using home = await temporaryFolder()
      await cp(join(TOP, 'README.md'), join(home.path, 'README.md'))
      await using shell = run(blocks.join(''), home.path)
      const [stdout, stderr] = await shell.output
      expect(await shell.exited, stderr).toBe(0)
      for (const name of ['peer1', 'peer2', 'peer3']) {
        expect(stdout).toContain(`| ${name} | Sees 2 other peers`)
        expect(stdout).toMatch(new RegExp(`> ${name} +: PINNED \\|`))
        const log = await Bun.file(join(home.path, `${name}.log`)).text()
        expect(log).toContain('stopping the peer')
      }
      expect(stdout).not.toContain('ERROR')
    },
    timeout,
  )
})

/** The shell is the leader of a group of processes, which ends with it also when the test fails. */
function run(script: string, folder: string) {
  const shell = Bun.spawn(['sh', '-eux', '-c', script], {
    cwd: folder,
    env: hermeticEnvironment(folder),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  })
  return {
    exited: shell.exited,
    output: Promise.all([new Response(shell.stdout).text(), new Response(shell.stderr).text()]),
    async [Symbol.asyncDispose]() {
      try {
        process.kill(-shell.pid, 'SIGKILL')
      } catch (error) {
        // They have all ended.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
      await shell.exited
    },
  }
}
