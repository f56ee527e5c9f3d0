/** Which of its addresses a peer tells to others: `announce_multiaddress` and `no_announce_multiaddress`. */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/**
 * Whether an address is not to be told. An entry is a whole address, or a range as `/ip4/10.0.0.0/ipcidr/8`. An address
 * may end in `/p2p/<own ID>`.
 */
export function isHidden(noAnnounce: readonly string[]): (address: Multiaddr) => boolean {
  const exact = new Set<string>()
  const ranges: Range[] = []
  for (const text of noAnnounce) {
    const range = rangeOf(text)
    if (range === undefined) exact.add(multiaddr(text).toString())
    else ranges.push(range)
  }
  return (address) => {
    if (exact.has(withoutPeer(address))) return true
    const ip = ipOf(address)
    return ip !== undefined && ranges.some((range) => contains(range, ip))
  }
}

export function withoutPeer(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '')
}

interface Ip {
  bits: 32 | 128
  value: bigint
}

interface Range extends Ip {
  prefix: number
}

function rangeOf(text: string): Range | undefined {
  const [, name, ip, prefix] = /^\/(ip[46])\/([^/]+)\/ipcidr\/(\d+)$/.exec(text) ?? []
  if (ip === undefined) return undefined
  const parsed = parseIp(name!, ip)
  return { ...parsed, prefix: Math.min(Number(prefix), parsed.bits) }
}

function contains(range: Range, { bits, value }: Ip): boolean {
  const free = BigInt(range.bits - range.prefix)
  return bits === range.bits && value >> free === range.value >> free
}

function ipOf(address: Multiaddr): Ip | undefined {
  const [first] = address.getComponents()
  if (first?.value === undefined || (first.name !== 'ip4' && first.name !== 'ip6')) return undefined
  return parseIp(first.name, first.value)
}

function parseIp(name: string, text: string): Ip {
  // The binary form of a multiaddr begins with a code of one byte.
  const bytes = multiaddr(`/${name}/${text}`).bytes.subarray(1)
  return { bits: name === 'ip4' ? 32 : 128, value: BigInt(`0x${Buffer.from(bytes).toString('hex')}`) }
}
