import { expect, test } from 'bun:test'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LockFileError } from '../../../core/store/errors.ts'
import { lockFolder } from '../../../core/store/lock.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** Starts `lock-holder.ts`; resolves with the line that it prints. */
async function startHolder(folder: string) {
  const holder = Bun.spawn([process.execPath, join(import.meta.dir, 'lock-holder.ts'), folder], {
    stdout: 'pipe',
  })
  const line = await firstLine(holder.stdout)
  return { holder, line }
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('\n')) break
  }
  return text.trim()
}

test('a folder is held once in a process, and free after it was given back', async () => {
  await using folder = await temporaryFolder()
  {
    using _ = lockFolder(folder.path)
    expect(() => lockFolder(folder.path)).toThrow(
      expect.objectContaining({
        name: 'StoreLockedError',
        message: expect.stringContaining(`process ${process.pid}`),
      }),
    )
  }
  using _ = lockFolder(folder.path)
})

test('another process is told the file and who holds it', async () => {
  await using folder = await temporaryFolder()
  using _ = lockFolder(folder.path)
  const { holder, line } = await startHolder(folder.path)
  expect(line).toContain(join(folder.path, 'cluster.lock'))
  expect(line).toContain(`held by process ${process.pid}: a peer runs on this folder already`)
  await holder.exited
})

test('the lock of a killed process is free', async () => {
  await using folder = await temporaryFolder()
  const { holder, line } = await startHolder(folder.path)
  expect(line).toBe('held')
  expect(() => lockFolder(folder.path)).toThrow(`process ${holder.pid}`)
  holder.kill('SIGKILL')
  await holder.exited
  using _ = lockFolder(folder.path)
})

test('of many processes that start at once, one gets the lock', async () => {
  await using folder = await temporaryFolder()
  const started = await Promise.all(Array.from({ length: 6 }, () => startHolder(folder.path)))
  expect(started.filter(({ line }) => line === 'held').length).toBe(1)
  for (const { holder } of started) holder.kill('SIGKILL')
  await Promise.all(started.map(({ holder }) => holder.exited))
}, 30_000)

test('an empty lock file of another program is used', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'cluster.lock'), '')
  using _ = lockFolder(folder.path)
})

test('a file that is no lock of ours is left alone, with advice', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'cluster.lock')
  const content = '{"owner": 12345, "text": "long enough that it is not taken for an empty file"}'.repeat(20)
  await writeFile(path, content)
  expect(() => lockFolder(folder.path)).toThrow(
    expect.objectContaining({ name: 'LockFileError', message: expect.stringContaining('delete the file') }),
  )
  expect(await readFile(path, 'utf8')).toBe(content)
  await rm(path)
  await mkdir(path)
  expect(() => lockFolder(folder.path)).toThrow(expect.objectContaining({ name: 'LockFileError' }))
})

test.each([
  ['attempt to write a readonly database', 'this user must be able to write into the folder'],
  ["EROFS: read-only file system, open 'x'", 'this user must be able to write into the folder'],
  ["EACCES: permission denied, open 'x'", 'this user must be able to write into the folder'],
  ['file is not a database', 'delete the file'],
])('the advice fits the cause: %s', (cause, advice) => {
  expect(new LockFileError('/p/cluster.lock', cause).message).toContain(advice)
})

test('only the owner may read the lock', async () => {
  await using folder = await temporaryFolder()
  using _ = lockFolder(folder.path)
  expect((await stat(join(folder.path, 'cluster.lock'))).mode & 0o777).toBe(0o600)
})
