/** Listens at all addresses of a list, on a machine without IPv6 at those of IPv4. */
import { networkInterfaces } from 'node:os'

export interface OpenAllInit<T> {
  addresses: readonly string[]
  open(address: string): Promise<T>
  /** Addresses of IPv6 that a machine without it cannot listen at. */
  skipped(addresses: string[]): void
  /** What the machine has when absent. */
  hasIpv6?: boolean
}

/**
 * Rejects with the error of the first address that cannot be listened at. On a machine without IPv6 those of IPv6 are
 * left out as long as another is listened at, as configurations list both.
 */
export async function openAll<T>(init: OpenAllInit<T>): Promise<T[]> {
  const { addresses, open, skipped, hasIpv6 = machineHasIpv6() } = init
  const opened: T[] = []
  const failed: { address: string; error: unknown }[] = []
  for (const address of addresses) {
    try {
      opened.push(await open(address))
    } catch (error) {
      if (hasIpv6 || !/^\/ip6\//.test(address)) throw error
      failed.push({ address, error })
    }
  }
  if (failed[0] !== undefined) {
    if (opened.length === 0) throw failed[0].error
    skipped(failed.map(({ address }) => address))
  }
  return opened
}

function machineHasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((interfaces) =>
    interfaces?.some(({ family }) => family === 'IPv6'),
  )
}
