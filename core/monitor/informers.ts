/**
 * Informers turn what a peer knows of itself into metrics (`spec/wire.md` §5.3). Each is a pure function of its reading;
 * who reads and how often is the composing peer's business.
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'
import type { IpfsIdentity, IpfsRepoStat } from '../runtime/ipfs.ts'
import type { Metric } from './metric.ts'

/** Who reports, when, and for how long the report holds. */
export interface Report {
  peer: PeerIdText
  now: UnixNano
  /** Nanoseconds. */
  ttl: bigint
}

function metric(report: Report, name: string, value: string, weight: number, partitionable = false): Metric {
  const { peer, now, ttl } = report
  return { name, peer, value, weight, partitionable, valid: true, expire: now + ttl, receivedAt: now }
}

/** Being alive, with the names by which others know this peer and its IPFS node. */
export function pingMetric(report: Report, peerName: string, ipfs: IpfsIdentity | undefined): Metric {
  const value: Record<string, unknown> = { peer_name: peerName }
  if (ipfs !== undefined) {
    value.ipfs_id = ipfs.id
    const addresses = ipfs.addresses.filter(isAnnounceable)
    if (addresses.length > 0) value.ipfs_addresses = addresses
  }
  return metric(report, 'ping', JSON.stringify(value), 0)
}

/** Loopback, link-local and unspecified addresses mean nothing to others; private ranges may. */
export function isAnnounceable(address: string): boolean {
  const [, protocol, host = ''] = address.split('/')
  if (protocol === 'ip4') {
    return !/^(127\.|0\.|169\.254\.)/.test(host)
  }
  if (protocol === 'ip6') return !/^(::1?$|fe[89ab])/i.test(host)
  return protocol?.startsWith('dns') ?? false
}

/** Free space: no metric at all when there is none left, as the original. */
export function freeSpaceMetric(report: Report, repo: IpfsRepoStat): Metric {
  const free = Math.max(0, repo.max - repo.size)
  return { ...metric(report, 'freespace', String(free), free), valid: free > 0 }
}

export function repoSizeMetric(report: Report, repo: IpfsRepoStat): Metric {
  return metric(report, 'reposize', String(repo.size), -repo.size)
}

/** One metric per tag: peers with equal values form a group. */
export function tagMetrics(report: Report, tags: Record<string, string>): Metric[] {
  return Object.entries(tags).map(([name, value]) => metric(report, `tag:${name}`, value, 0, true))
}

/** `bucket` queued pins lower the weight by one; 0 = each does. */
export function pinQueueMetric(report: Report, queued: number, bucket: number): Metric {
  const weight = bucket === 0 ? -queued : -Math.trunc(queued / bucket)
  return metric(report, 'pinqueue', String(queued), weight === 0 ? 0 : weight)
}
