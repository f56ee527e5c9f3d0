import type { CID } from 'multiformats/cid'

/** What the gateway reads from. */
export interface GatewayNode {
  /** Local or from the network. */
  read(cid: CID, signal: AbortSignal): Promise<Uint8Array>
  has(cid: CID): boolean
  /** The number of a block that is here. */
  idOf(cid: CID): number | undefined
  /** The path that a name (`/ipns/<name>`) stands for now. */
  resolveName(name: string, signal: AbortSignal): Promise<string>
}
