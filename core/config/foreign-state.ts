/** Recognises folders that hold the pinset of the Go program: this program would start beside it with none. */
import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ForeignStateError } from './errors.ts'
import type { Config } from './load.ts'

/** Folders of the Go program's stores, when the configuration does not name others. */
const usualFolders = { pebble: 'pebble', leveldb: 'leveldb', badger: 'badger', badger3: 'badger3' } as const

/**
 * Throws `ForeignStateError` when the configuration is for raft, or when the folder has data of the Go program and
 * `hasOwnStore` says that nothing was brought over yet. The message names the way over.
 */
export async function refuseForeignState(config: Config, hasOwnStore: boolean): Promise<void> {
  if (config.raft !== undefined) {
    throw new ForeignStateError(
      `${config.origin} is set up for raft, which this program does not speak. The way over: export the pinset with ` +
        '`ipfs-cluster-service state export -f pins.json`, make a crdt peer in another folder with ' +
        '`cluster --config <folder> init`, and fill it with `cluster --config <folder> state import pins.json`',
    )
  }
  if (hasOwnStore) return
  for (const [name, usual] of Object.entries(usualFolders)) {
    const folder = resolve(config.folder, config[name as keyof typeof usualFolders]?.folder ?? usual)
    if (await hasEntries(folder)) {
      throw new ForeignStateError(
        `${folder} holds a pinset of ipfs-cluster-service (${name}), which this program cannot read. The way over: ` +
          'export it with `ipfs-cluster-service state export -f pins.json`, then bring it in with ' +
          '`cluster state import pins.json`',
      )
    }
  }
}

async function hasEntries(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).length > 0
}
