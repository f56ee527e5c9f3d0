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

/** Room that stays free on an IPFS node: with less, it is nearly full, and the peer is given no more content. */
export interface Headroom {
  /** Bytes. */
  freeBytes: number
  /** Percent of what the node may use. */
  freePercent: number
}

/** Free space: not valid, and so not told, when the node is nearly full. The original tells it until nothing is left. */
export function freeSpaceMetric(report: Report, repo: IpfsRepoStat, headroom: Headroom): Metric {
  const free = freeOf(repo)
  return { ...metric(report, 'freespace', String(free), free), valid: !isNearlyFull(repo, headroom) }
}

/** Likewise. */
export function repoSizeMetric(report: Report, repo: IpfsRepoStat, headroom: Headroom): Metric {
  return {
    ...metric(report, 'reposize', String(repo.size), -repo.size),
    valid: !isNearlyFull(repo, headroom),
  }
}

function isNearlyFull(repo: IpfsRepoStat, { freeBytes, freePercent }: Headroom): boolean {
  const free = freeOf(repo)
  return free === 0 || free < freeBytes || free < (repo.max * freePercent) / 100
}

const freeOf = ({ size, max }: IpfsRepoStat) => Math.max(0, max - size)

/** One metric per tag: peers with equal values form a group. */
export function tagMetrics(report: Report, tags: Record<string, string>): Metric[] {
  return Object.entries(tags).map(([name, value]) => metric(report, `tag:${name}`, value, 0, true))
}

/** Fewer pins are better; the original leaves the weight out, so that its allocator orders the counts as texts. */
export function numPinMetric(report: Report, pins: number): Metric {
  return metric(report, 'numpin', String(pins), pins === 0 ? 0 : -pins)
}

/** `bucket` queued pins lower the weight by one; 0 = each does. */
export function pinQueueMetric(report: Report, queued: number, bucket: number): Metric {
  const weight = bucket === 0 ? -queued : -Math.trunc(queued / bucket)
  return metric(report, 'pinqueue', String(queued), weight === 0 ? 0 : weight)
}
