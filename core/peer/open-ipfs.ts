/** The IPFS node of a peer: the embedded one, or a Kubo. What the other needs is not loaded. */
import { join } from 'node:path'
import type { Config } from '../config/load.ts'
import type { Ipfs } from '../runtime/ipfs.ts'
import type { Runtime } from '../runtime/ports.ts'

export interface OpenedIpfs {
  ipfs: Ipfs
  gatewayUrls: string[]
  /** Of a node that fails at once what no connected node has. */
  onConnected?: (listener: () => void) => void
}

export async function openIpfs(config: Config, runtime: Runtime): Promise<OpenedIpfs> {
  if (config.embedded !== undefined) {
    const { createEmbeddedIpfs } = await import('../ipfs/embedded/embedded-ipfs.ts')
    const { folder, ...embedded } = config.embedded
    const ipfs = await createEmbeddedIpfs({ folder: join(config.folder, folder), config: embedded, runtime })
    const isConfined = embedded.network === 'cluster'
    const onConnected = isConfined && { onConnected: (listener: () => void) => ipfs.onConnected(listener) }
    return { ipfs, gatewayUrls: [...ipfs.gatewayUrls], ...onConnected }
  }
  const { createKubo } = await import('../ipfs/kubo/kubo.ts')
  const { nodeMultiaddress: address, nodeAuthorization: authorization, ...ipfshttp } = config.ipfshttp
  const { ipfsRequestTimeout, unpinTimeout, repogcTimeout } = ipfshttp
  const timeouts = { request: ipfsRequestTimeout, unpin: unpinTimeout, gc: repogcTimeout }
  return { ipfs: createKubo({ address, authorization, timeouts, runtime }), gatewayUrls: [] }
}
