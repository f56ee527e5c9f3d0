/** The folder of a peer as commands see it. Everything that reads it is elsewhere: this is loaded for each command. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { defaultFolder, serviceFileOf } from '../config/folder.ts'

/** `IPFS_CLUSTER_PATH`, else `~/.ipfs-cluster`. */
export function usualFolder(environment: Record<string, string | undefined>): string {
  return resolve(defaultFolder(environment))
}

export function hasConfiguration(folder: string): boolean {
  return existsSync(serviceFileOf(folder))
}
