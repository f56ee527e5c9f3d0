/** Where a command writes what it was asked for: a file that is whole or not there, or a device, a pipe or a terminal. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { linkTarget } from '../config/atomic-file.ts'
import { syncFolder } from '../runtime/sync-folder.ts'

/**
 * Writes `texts` to `path`. A regular file appears, or changes, when all of it is written; a link stays and what it leads
 * to changes. What is no regular file is written into and never replaced. Calls `failed`, which throws, for an error of
 * the file; errors of `texts` come as they are.
 */
export async function writeOutput(
  path: string,
  texts: AsyncIterable<string>,
  failed: (cause: unknown) => never,
): Promise<void> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    return failed(error)
  })
  // The files below /dev and /proc stand for what is open already, which has no name that could be given to another.
  const isPlain = !/^\/(dev|proc)\//.test(path) && (there === undefined || there.isFile())
  if (!isPlain) return await writeInto(path, texts, failed)
  const target = await linkTarget(path)
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`)
  const file = await open(partial, 'wx', there === undefined ? 0o666 : there.mode & 0o777).catch(failed)
  try {
    await writeAll(file, texts, failed)
    await file.sync().catch(failed)
    await file.close()
    await rename(partial, target).catch(failed)
  } catch (error) {
    await file.close().catch(() => undefined)
    await unlink(partial).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(target))
}

async function writeInto(
  path: string,
  texts: AsyncIterable<string>,
  failed: (cause: unknown) => never,
): Promise<void> {
  const file = await open(path, 'w').catch(failed)
  try {
    await writeAll(file, texts, failed)
  } finally {
    await file.close().catch(() => undefined)
  }
}

async function writeAll(
  file: FileHandle,
  texts: AsyncIterable<string>,
  failed: (cause: unknown) => never,
): Promise<void> {
  for await (const text of texts) {
    const bytes = Buffer.from(text)
    // A device may take less than it is given.
    for (let from = 0; from < bytes.length; ) {
      from += (await file.write(bytes, from, bytes.length - from).catch(failed)).bytesWritten
    }
  }
}
