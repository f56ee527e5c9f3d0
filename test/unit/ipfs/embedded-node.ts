/** Embedded nodes for tests: on loopback, in temporary folders, and never in the public network. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedConfig, embeddedDefaults } from '../../../core/ipfs/embedded/config.ts'
import { createEmbeddedIpfs, type EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { quietRuntime } from './test-runtime.ts'

/** Listens on free loopback ports and knows nobody. */
export const loopback: EmbeddedConfig = {
  ...embeddedDefaults,
  swarmListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: [],
  delegatedRouters: [],
  trustlessGateways: [],
  gatewayListenMultiaddress: [],
  gcGrace: 0,
}

export function startNode(folder: string, config: Partial<EmbeddedConfig> = {}): Promise<EmbeddedIpfs> {
  return createEmbeddedIpfs({ folder, config: { ...loopback, ...config }, runtime: quietRuntime() })
}

/** Removed with all that is in it when disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'embedded-ipfs-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
