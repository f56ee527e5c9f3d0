/** The folder of a peer and the names of the files in it (`spec/config.md §1`). */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Environment } from './component.ts'

/** `IPFS_CLUSTER_PATH`, else `~/.ipfs-cluster`: the same folder as the Go program's. */
export function defaultFolder(environment: Environment): string {
  const chosen = environment.IPFS_CLUSTER_PATH
  const home = environment.HOME
  return chosen ? resolve(chosen) : join(home ? home : homedir(), '.ipfs-cluster')
}

export function serviceFileOf(folder: string): string {
  return join(folder, 'service.json')
}

export function identityFileOf(folder: string): string {
  return join(folder, 'identity.json')
}

/** `configured`: the setting `cluster.peerstore_file`, empty for the usual name. */
export function peerstoreFileOf(folder: string, configured: string): string {
  return resolve(folder, configured === '' ? 'peerstore' : configured)
}

export function removedPeersFileOf(folder: string): string {
  return join(folder, 'removed-peers')
}
