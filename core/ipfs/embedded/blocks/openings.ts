/**
 * Tells an index of now from one that comes from a backup. The index counts how often it was opened and closed, and a file
 * beside it says the same, written after it: an index whose count is lower than that of the file is an old one.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../../../runtime/sync-folder.ts'
import type { BlockIndex } from './block-index.ts'

/** The index is of another time than the rest of the folder. */
export async function isOldIndex(folder: string, index: BlockIndex): Promise<boolean> {
  const { openings } = index.counters
  const noted = await readNoted(folder)
  // What cannot be read proves nothing.
  return noted !== undefined && !(noted <= openings)
}

/** To be called when all of the index is in use, and when it is closed. */
export async function countOpening(folder: string, index: BlockIndex): Promise<void> {
  const noted = (await readNoted(folder)) ?? 0
  const openings = Math.max(Number.isSafeInteger(noted) ? noted : 0, index.counters.openings) + 1
  await index.commit({ kind: 'opened', openings })
  const path = fileOf(folder)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(String(openings))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(folder)
}

/** Undefined when there is no such file, NaN when it holds no number. */
async function readNoted(folder: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(fileOf(folder), 'utf8'), 10)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function fileOf(folder: string): string {
  return join(folder, 'openings')
}
