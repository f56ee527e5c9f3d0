/** What is needed of a folder to run a peer on it, or to work on its pinset. */
import { existsSync } from 'node:fs'
import { refuseForeignState } from '../config/foreign-state.ts'
import type { Identity } from '../config/identity.ts'
import { type Config, loadConfig } from '../config/load.ts'
import { renderService } from '../config/service.ts'
import { storePath } from '../store/sqlite-store.ts'

export type { Config } from '../config/load.ts'

export interface PeerFiles {
  config: Config
  identity: Identity
  /** What the user should know. */
  warnings: string[]
}

export interface LoadOptions {
  folder: string
  environment: Record<string, string | undefined>
  signal?: AbortSignal
}

/**
 * Loads configuration and identity. Throws their errors, and `ForeignStateError` when the folder has a pinset that only
 * the Go program can read; `anyState` leaves that out, for the import that brings it over.
 */
export async function loadPeerFiles(options: LoadOptions & { anyState?: boolean }): Promise<PeerFiles> {
  const { folder, environment, signal } = options
  const { config, warnings } = await loadConfig(folder, environment, signal ? { signal } : {})
  if (config.raft !== undefined || !options.anyState) {
    await refuseForeignState(config, existsSync(storePath(folder)))
  }
  const { loadIdentity } = await import('../config/identity.ts')
  const { identity, moved } = await loadIdentity(folder, environment, config.cluster)
  if (moved) warnings.push(`the identity in ${config.origin} was written to identity.json in ${folder}`)
  return { config, identity, warnings }
}

/** The configuration as text; secrets are hidden unless asked for. Throws as `loadConfig`. */
export async function showConfig(
  options: LoadOptions & { secrets: boolean },
): Promise<{ text: string; warnings: string[] }> {
  const { folder, environment, signal } = options
  const { config, warnings } = await loadConfig(folder, environment, signal ? { signal } : {})
  return { text: renderService(config, options.secrets ? 'display-secrets' : 'display'), warnings }
}
