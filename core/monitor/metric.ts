/**
 * Metrics: what a peer says of itself at intervals (`spec/wire.md` §5). The newest valid ones say who is a member, who may
 * be given content, and in which order.
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'

export interface Metric {
  name: string
  peer: PeerIdText
  value: string
  /** Until when it holds, on the sender's clock. */
  expire: UnixNano
  valid: boolean
  /** Greater is better; 0 for metrics that only group. */
  weight: number
  /** True when peers of equal value form one failure domain or group, such as a region. */
  partitionable: boolean
  /** When this peer got it. */
  receivedAt: UnixNano
}
