import type { CID } from 'multiformats/cid'
import type { FoundName } from '../exchange/names.ts'

/** What the gateway reads from. */
export interface GatewayNode {
  /** Local or from the network, checked against the hash either way. */
  read(cid: CID, signal: AbortSignal): Promise<Uint8Array>
  has(cid: CID): boolean
  /** The number of a block that is here. */
  idOf(cid: CID): number | undefined
  /** What a name (`/ipns/<name>`) stands for now. */
  findName(name: string, signal: AbortSignal): Promise<FoundName>
  /** Asks others for it, though it be known. */
  refreshName(name: string, signal: AbortSignal): Promise<FoundName>
}
