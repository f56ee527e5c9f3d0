/** Which peer a command is about: its folder, and its API. */
import { UsageError } from '../commands/errors.ts'
import { defaultApiAddress } from '../core/client/address.ts'
import { hasConfiguration, usualFolder } from '../core/local/folder.ts'

/** `--config`, else `IPFS_CLUSTER_PATH`, else the usual folder. */
export function folderOf(given: string | undefined, environment: Record<string, string | undefined>): string {
  // Without this, an unset variable in a script would mean the usual folder, and `state cleanup` would empty that.
  if (given === '') throw new UsageError('flag --config is empty; in a script, an unset variable is')
  return usualFolder(given === undefined ? environment : { ...environment, IPFS_CLUSTER_PATH: given })
}

/** `--host`, else the listeners of the REST API that the configuration in the folder names, else the usual address. */
export async function apiOf(
  host: string | undefined,
  folder: string,
  environment: Record<string, string | undefined>,
): Promise<{ addresses: string[]; tls: boolean }> {
  if (host !== undefined) return { addresses: host.split(','), tls: false }
  const usual = { addresses: [defaultApiAddress], tls: false }
  if (!hasConfiguration(folder)) return usual
  const { localApi } = await import('../core/local/api.ts')
  return (await localApi(folder, environment)) ?? usual
}
