/** Peers that tell what they know of pins by page or, as those of the original, in one stream. */
import { ProtocolUnsupportedError } from '../../core/network/errors.ts'
import { type PinInfoRow, pinInfoToWire } from '../../core/network/rpc/conversion.ts'
import { RpcError } from '../../core/network/rpc/errors.ts'
import { type StatusPageWire, statusPageToWire } from '../../core/network/rpc/status-pages.ts'
import type { CallLimits, PeerCalls } from '../../core/peer/peer-calls.ts'
import type { PinStatus } from '../../core/pin/status.ts'
import { cidOf } from '../unit/store/fixtures.ts'

export interface ToldPeer {
  /** In the order of their CIDs, unless the peer is to be wrong about it. */
  rows: PinInfoRow[]
  /** Rows of a page; a peer of the original when absent. */
  pageSize?: number
  /** Rows after which it breaks off with this error. */
  breaksAfter?: { rows: number; error: Error }
}

export interface ToldCalls extends PeerCalls {
  /** Pages that were asked for. */
  asked: string[]
  /** Signals of the calls. */
  signals: AbortSignal[]
}

/** CIDs in byte order. */
export const sortedCids = (count: number) =>
  Array.from({ length: count }, (_, index) => cidOf(`cid ${index}`)).sort((a, b) =>
    Buffer.compare(a.bytes, b.bytes),
  )

export function rowOf(cid: PinInfoRow['cid'], peer: string, status: PinStatus = 'pinned'): PinInfoRow {
  const info = { status, timestamp: 7n, error: '', attemptCount: 0, priorityPin: false }
  const names = { peerName: `name of ${peer}`, ipfsPeerId: '', ipfsPeerAddresses: [] }
  const pin = { allocations: [], origins: [], created: 5n, metadata: { of: peer } }
  return { cid, name: `by ${peer}`, peer, ...pin, info: { ...names, ...info } }
}

export function toldCalls(peers: Record<string, ToldPeer | Error>): ToldCalls {
  const asked: string[] = []
  const signals: AbortSignal[] = []
  const toldBy = (peer: string): ToldPeer => {
    const told = peers[peer]!
    if (told instanceof Error) throw told
    return told
  }
  const page = (peer: string, position: string | undefined): StatusPageWire => {
    const { rows, pageSize, breaksAfter } = toldBy(peer)
    if (pageSize === undefined) throw new ProtocolUnsupportedError(peer, 'pages')
    const from = Number(position ?? 0)
    asked.push(`${peer} ${from}`)
    if (breaksAfter !== undefined && from >= breaksAfter.rows) throw breaksAfter.error
    const end = from + Math.min(pageSize, breaksAfter === undefined ? pageSize : breaksAfter.rows - from)
    return statusPageToWire(rows.slice(from, end), end < rows.length ? `${end}` : undefined)
  }
  return {
    asked,
    signals,
    async call(peer: string, _: unknown, query: unknown, { signal }: CallLimits = {}) {
      if (signal !== undefined) signals.push(signal)
      return page(peer, (query as { a?: string }).a) as never
    },
    async *stream(peer: string) {
      const { rows, breaksAfter } = toldBy(peer)
      for (const row of rows.slice(0, breaksAfter?.rows)) yield pinInfoToWire(row) as never
      if (breaksAfter !== undefined) throw breaksAfter.error
    },
  }
}

export const notTrusted = new RpcError('client does not have permissions', 'authorization')
