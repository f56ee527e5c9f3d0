/** Pins and statuses as people read them, and scripts too: byte for byte as the original's client (`spec/cli.md §2`). */
import type { AddedObject, GlobalPinObject, PinObject, RepoGcObject } from '../../core/client/shapes.ts'

const noTime = '0001-01-01T00:00:00Z'

export function pinText(pin: PinObject): string {
  const type = `${(pin.type ?? 'pin').toUpperCase()}${pin.mode === 'direct' ? '-DIRECT' : ''}`
  const everywhere = pin.replication_factor_min === -1 && pin.replication_factor_max === -1
  const allocations = [...(pin.allocations ?? [])].sort().join(' ')
  const replication = everywhere
    ? 'Repl. Factor: -1 | Allocations: [everywhere]'
    : `Repl. Factor: ${pin.replication_factor_min}--${pin.replication_factor_max} | Allocations: [${allocations}]`
  const metadata = Object.keys(pin.metadata ?? {}).length > 0 ? 'yes' : 'no'
  const fields = [
    pin.cid,
    pin.name ?? '',
    type,
    replication,
    depthText(pin.max_depth),
    `Metadata: ${metadata}`,
    `Exp: ${(pin.expire_at ?? noTime) === noTime ? '∞' : timeText(pin.expire_at)}`,
    `Added: ${(pin.timestamp ?? noTime) === noTime ? 'unknown' : timeText(pin.timestamp)}`,
  ]
  return `${fields.join(' | ')}\n`
}

export function statusText(status: GlobalPinObject): string {
  const head = !status.name ? `${status.cid}:\n` : `${status.cid} | ${status.name}:\n`
  const peers = Object.entries(status.peer_map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const rows = peers.map(([id, peer]) => {
    const name = peer.peername || id
    const error = !peer.error ? '' : `: ${peer.error}`
    const state = `${(peer.status ?? 'undefined').toUpperCase()}${error} | ${peer.timestamp}`
    return `    > ${padded(name, 20)} : ${state} | Attempts: ${peer.attempt_count} | Priority: ${peer.priority_pin}\n`
  })
  return head + rows.join('')
}

export function addedText(added: AddedObject): string {
  return `added ${added.cid} ${added.name}\n`
}

export function repoGcText(report: RepoGcObject): string {
  const peers = Object.entries(report.peer_map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return peers
    .map(([id, peer]) => {
      const name = padded(peer.peername || id, 15)
      const keys = (peer.keys ?? []).map(({ key, error }) => `    - ${error ? `ERROR: ${error}` : key}\n`)
      return `${name}${peer.error ? ` | ERROR: ${peer.error}` : ''}\n  > CIDs:\n${keys.join('')}`
    })
    .join('')
}

function depthText(depth: number): string {
  if (depth === 0) return 'Direct'
  return depth === -1 ? 'Recursive' : `Recursive-${depth}`
}

/** To the second, in the zone that the peer wrote the time in. */
function timeText(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}

/** By characters, as Go counts them, and not by halves of characters. */
function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length))
}
