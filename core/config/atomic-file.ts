/** Files that are there whole or not at all, whatever happens while they are written. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readlink, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { syncFolder } from '../runtime/sync-folder.ts'

/**
 * Replaces `path` with `text`, durably: a neighbour with the mode is written and synced, takes the name, and the folder
 * is synced. After a failure the file is as it was and no neighbour is left.
 */
export async function writeFileAtomically(path: string, text: string, mode: number): Promise<void> {
  const target = await linkTarget(path)
  const folder = dirname(target)
  const neighbour = join(folder, `.${basename(target)}.${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(neighbour, 'wx', mode)
    try {
      await file.writeFile(text)
      // The mode given to open is cut by the umask; a file that others may read (0644) stays as strict as that.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(neighbour, target)
  } catch (error) {
    await unlink(neighbour).catch(() => undefined)
    throw error
  }
  await syncFolder(folder)
}

/** The file that a path leads to, there or not: writing through a link leaves the link. */
export async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    return await readlink(path).then(
      (target) => resolve(dirname(path), target),
      () => path,
    )
  }
}

/** Makes a folder that only its owner may look into, with its parents; one that exists stays as it is. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}
