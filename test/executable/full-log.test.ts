/** A peer whose log goes to a disk that is full. */
import { describe, expect, test } from 'bun:test'
import { mkdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../support/network-peer.ts'
import { EXECUTABLE, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

/** A disk of one MiB of its own; undefined where this user may not mount one. */
async function smallDisk(folder: string): Promise<(AsyncDisposable & { path: string }) | undefined> {
  const path = join(folder, 'small disk')
  await mkdir(path)
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', path])
  if (!mounted.success) return undefined
  return {
    path,
    async [Symbol.asyncDispose]() {
      Bun.spawnSync(['umount', '--lazy', path])
      await rm(path, { recursive: true, force: true })
    },
  }
}

/** Seconds of processor time that a process has taken. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

describe.skipIf(!hasExecutable || process.platform !== 'linux')(`a log on a full disk${whyMissing}`, () => {
  test('costs lines of the log, and not the peer', async () => {
    await using peer = await PeerProcess.make()
    await using disk = await smallDisk(peer.home)
    const log = disk === undefined ? '/dev/full' : join(disk.path, 'log')
    if (disk !== undefined) await Bun.write(join(disk.path, 'ballast'), new Uint8Array(1024 * 1024))
    await using daemon = peer.spawnDaemon(log, '--loglevel', 'debug')

    await eventually('it answers', async () => (await peer.run([EXECUTABLE, 'health'])).exitCode === 0)
    // Each request is a line of the access log, so each of them is a line that cannot be written.
    for (let request = 0; request < 5; request++) expect(await peer.output('health')).toBe('healthy\n')
    const before = await processorTime(daemon.pid)
    for (let request = 0; request < 20; request++) await peer.output('id')
    expect((await processorTime(daemon.pid)) - before).toBeLessThan(5)

    if (disk === undefined) return
    await truncate(join(disk.path, 'ballast'), 0)
    await eventually('it says how many lines are missing', async () => {
      await peer.output('id')
      return /^\(\d+ log lines dropped: .*(ENOSPC|no space)/m.test(await readFile(log, 'utf8'))
    })
  }, 60_000)

  test('costs nothing but its lines at a client either', async () => {
    await using peer = await PeerProcess.make()
    const { exitCode, stdout } = await peer.run([
      'sh',
      '-c',
      'cluster state export 2>/dev/full; echo "$?"; cluster --bogus 2>/dev/full; echo "$?"',
    ])
    expect([exitCode, stdout]).toEqual([0, '0\n1\n'])
  })
})
