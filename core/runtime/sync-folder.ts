/** Names in folders: unlike the content of a file, they are synced with their folder. */
import { open } from 'node:fs/promises'

/** Makes names that were made, changed or removed in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
