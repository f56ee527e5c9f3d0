/** Which API the configuration in a folder names. */
import { isObject } from '../config/component.ts'
import { serviceFileOf } from '../config/folder.ts'
import { loadConfig, parseJson, readServiceFile, sourceOf } from '../config/load.ts'

export interface LocalApi {
  addresses: string[]
  tls: boolean
}

/**
 * The listeners of the REST API that the configuration in `folder` names. Undefined when there is no configuration, when
 * it is elsewhere (nothing is fetched for this), or when it cannot be used: the command that starts the peer tells why.
 */
export async function localApi(
  folder: string,
  environment: Record<string, string | undefined>,
): Promise<LocalApi | undefined> {
  try {
    const file = serviceFileOf(folder)
    const json = parseJson(file, await readServiceFile(file))
    if (!isObject(json) || sourceOf(json) !== undefined) return undefined
    const { restapi } = (await loadConfig(folder, environment)).config
    if (restapi === undefined) return undefined
    return { addresses: restapi.httpListenMultiaddress, tls: restapi.sslCertFile !== '' }
  } catch {
    return undefined
  }
}
