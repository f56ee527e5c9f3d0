/** What holds for the compiled program and not for the sources: what it reads, what it brings along, how it ends. */
import { describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { EXECUTABLE, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

describe.skipIf(!hasExecutable)(`the executable${whyMissing}`, () => {
  test('tells the version of package.json', async () => {
    await using peer = await PeerProcess.make()
    const { stdout, exitCode } = await peer.run([EXECUTABLE, '--version'])
    expect(stdout).toContain(version)
    expect(exitCode).toBe(0)
  })

  test('obeys neither .env nor bunfig.toml of the folder it is started in', async () => {
    await using peer = await PeerProcess.make()
    const folder = join(peer.home, 'trap')
    await mkdir(folder)
    await writeFile(join(folder, '.env'), 'IPFS_CLUSTER_PATH=/nowhere\nCLUSTER_PEERNAME=from-dotenv\n')
    await writeFile(join(folder, 'bunfig.toml'), 'preload = ["./missing.ts"]\n')
    const { stdout, stderr, exitCode } = await peer.run([EXECUTABLE, 'config', 'show'], { folder })
    expect(exitCode, stderr).toBe(0)
    expect(stdout).toContain('"peername"')
    expect(stdout).not.toContain('from-dotenv')
  })

  test('keeps what it acknowledged when it is killed, and starts again', async () => {
    await using peer = await PeerProcess.make()
    await peer.start()
    const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
    const added = await peer.run([EXECUTABLE, 'pin', 'add', '--no-status', '--name', 'kept', cid])
    expect(added.exitCode, added.stderr).toBe(0)
    await peer.stop('SIGKILL')
    await peer.start()
    const listed = await peer.run([EXECUTABLE, 'pin', 'ls'])
    expect(listed.stdout).toContain(`${cid} | kept | PIN |`)
    expect(await peer.stop()).toBe(0)
  }, 30_000)

  test('refuses a second peer on the same folder in one line', async () => {
    await using peer = await PeerProcess.make()
    await peer.start()
    const { exitCode, stderr } = await peer.run([EXECUTABLE, 'daemon'])
    expect(exitCode).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  }, 30_000)

  test('joins another peer, and both keep one pinset and hold its content', async () => {
    const environment = {
      CLUSTER_SECRET: 'ab'.repeat(32),
      CLUSTER_MONITORPINGINTERVAL: '1s',
      CLUSTER_DISK_METRICTTL: '2s',
      CLUSTER_TAGS_METRICTTL: '2s',
    }
    await using first = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'first' })
    await first.start()
    const { addresses } = JSON.parse((await first.run([EXECUTABLE, '--json', 'id'])).stdout)
    await using second = await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'second' })
    await second.start('--bootstrap', addresses[0])
    const plan = ['pin', 'add', '--dry-run', '--rmin', '2', 'bafkqaaa']
    await eventually(first, plan, 'Repl. Factor: 2--2')

    const file = join(first.home, 'file')
    await writeFile(file, 'held by two')
    const added = await first.run([EXECUTABLE, 'add', '--quieter', '--rmin', '2', '--name', 'both', file])
    expect(added.exitCode, added.stderr).toBe(0)
    const status = await eventually(second, ['status', added.stdout.trim()], /PINNED[\s\S]*PINNED/)
    expect(status).toContain('first')
    expect(status).toContain('second')
    expect(await second.stop()).toBe(0)
    expect(await first.stop()).toBe(0)
  }, 60_000)
})

/** Runs a command until its output has what is expected of it; the test's own timeout ends a wait in vain. */
async function eventually(peer: PeerProcess, command: string[], expected: string | RegExp): Promise<string> {
  for (;;) {
    const { stdout } = await peer.run([EXECUTABLE, ...command])
    if (typeof expected === 'string' ? stdout.includes(expected) : expected.test(stdout)) return stdout
  }
}
