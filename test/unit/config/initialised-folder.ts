/** A folder with the files of a new peer, and ways to change its service.json. */
import { readFile, writeFile } from 'node:fs/promises'
import type { InitOptions } from '../../../core/config/initialise.ts'
import { initialise } from '../../../core/config/initialise.ts'
import { systemRandom } from '../../../core/runtime/system.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'

export function initOptions(folder: string, changes: Partial<InitOptions> = {}): InitOptions {
  return {
    folder,
    environment: {},
    random: systemRandom,
    datastore: 'pebble',
    peers: [],
    randomPorts: false,
    ipfs: 'kubo',
    force: false,
    ...changes,
  }
}

export async function initialisedFolder(changes: Partial<InitOptions> = {}): Promise<TemporaryFolder> {
  const folder = await temporaryFolder()
  await initialise(initOptions(folder.path, changes))
  return folder
}

/** Edits service.json. `change` gets the parsed JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of any shape
export async function editService(folder: string, change: (json: any) => void): Promise<void> {
  const json = JSON.parse(await readService(folder))
  change(json)
  await writeFile(`${folder}/service.json`, JSON.stringify(json))
}

export function readService(folder: string): Promise<string> {
  return readFile(`${folder}/service.json`, 'utf8')
}
