import { describe, expect, test } from 'bun:test'
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../../core/config/atomic-file.ts'
import { writeOutput } from '../../../core/local/output-file.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import vector from '../../vectors/state_export.json' with { type: 'json' }
import { run } from './program.ts'
import { stoppedPeer } from './program-setup.ts'

async function* texts(...all: string[]) {
  yield* all
}

function thrown(cause: unknown): never {
  throw cause
}

describe('a file that a command writes', () => {
  test('is there whole, keeps its mode, and leaves nothing beside it', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'out')
    await writeFile(path, 'old')
    await chmod(path, 0o600)
    await writeOutput(path, texts('a', 'b'), thrown)
    expect(await readFile(path, 'utf8')).toBe('ab')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder.path)).toEqual(['out'])
  })

  test('is as it was when what is written fails in the middle', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'out')
    await writeFile(path, 'old')
    const failing = (async function* () {
      yield 'new'
      throw new Error('no more')
    })()
    await expect(writeOutput(path, failing, thrown)).rejects.toThrow('no more')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder.path)).toEqual(['out'])
  })

  test('stays a link where it is one, whether or not its target is there', async () => {
    await using folder = await temporaryFolder()
    const link = join(folder.path, 'link')
    await symlink('target', link)
    for (const content of ['first', 'second']) {
      await writeOutput(link, texts(content), thrown)
      expect(await readlink(link)).toBe('target')
      expect(await readFile(join(folder.path, 'target'), 'utf8')).toBe(content)
    }
    await writeFileAtomically(link, 'third', 0o600)
    expect(await readlink(link)).toBe('target')
    expect(await readFile(join(folder.path, 'target'), 'utf8')).toBe('third')
  })

  test.skipIf(process.platform !== 'linux')('is not written over what is no file', async () => {
    await using folder = await temporaryFolder()
    await using peer = await stoppedPeer()
    await run(['state', 'import', '-f'], { folder: peer.path, stdin: vector.export_text })
    const fifo = join(folder.path, 'fifo')
    Bun.spawnSync(['mkfifo', fifo])
    const reader = Bun.spawn(['cat', fifo], { stdout: 'pipe' })
    const toFifo = await run(['state', 'export', '-f', fifo], { folder: peer.path })
    expect([toFifo.code, (await lstat(fifo)).isFIFO()]).toEqual([0, true])
    expect((await new Response(reader.stdout).text()).split('\n')).toHaveLength(3)

    const device = join(folder.path, 'device')
    await symlink('/dev/null', device)
    expect((await run(['state', 'export', '-f', device], { folder: peer.path })).code).toBe(0)
    expect((await lstat(device)).isSymbolicLink()).toBe(true)

    const toStdout = await run(['state', 'export', '-f', '/dev/stdout'], { folder: peer.path })
    expect(toStdout.stdout.split('\n')).toHaveLength(3)
    const full = join(folder.path, 'full')
    await symlink('/dev/full', full)
    const toFull = await run(['state', 'export', '-f', full], { folder: peer.path })
    expect(toFull.code).toBe(1)
    expect(toFull.stderr).toContain('error writing output file: ')
    expect((await lstat(full)).isSymbolicLink()).toBe(true)

    await mkdir(join(folder.path, 'sub'))
    expect((await run(['state', 'export', '-f', join(folder.path, 'sub')], { folder: peer.path })).code).toBe(
      1,
    )
    expect((await readdir(folder.path)).sort()).toEqual(['device', 'fifo', 'full', 'sub'])
  })
})
