/** A peer about itself, byte for byte as the original's client (`spec/cli.md §2`). */
import type { IdObject } from '../../core/client/shapes.ts'

export function idText(id: IdObject): string {
  if (id.error) return `${id.id} | ERROR: ${id.error}\n`
  const head = `${id.id} | ${id.peername} | Sees ${(id.cluster_peers ?? []).length - 1} other peers\n`
  const addresses = `  > Addresses:\n${listText(id.addresses)}`
  if (id.ipfs?.error) return `${head}${addresses}  > IPFS ERROR: ${id.ipfs.error}\n`
  return `${head}${addresses}  > IPFS: ${id.ipfs?.id ?? ''}\n${listText(id.ipfs?.addresses ?? null)}`
}

function listText(addresses: string[] | null): string {
  return [...(addresses ?? [])]
    .sort()
    .map((address) => `    - ${address}\n`)
    .join('')
}
