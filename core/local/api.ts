/** What the configuration in a folder says to commands that ask a peer: its API, and its name. */
import { type Environment, isObject } from '../config/component.ts'
import { serviceFileOf } from '../config/folder.ts'
import { type Config, loadConfig, parseJson, readServiceFile, sourceOf } from '../config/load.ts'

export interface LocalApi {
  addresses: string[]
  tls: boolean
}

/**
 * The listeners of the REST API that the configuration in `folder` names. Undefined when there is no configuration, when
 * it is elsewhere (nothing is fetched for this), or when it cannot be used: the command that starts the peer tells why.
 */
export async function localApi(folder: string, environment: Environment): Promise<LocalApi | undefined> {
  const restapi = (await ownConfig(folder, environment))?.restapi
  if (restapi === undefined) return undefined
  return { addresses: restapi.httpListenMultiaddress, tls: restapi.sslCertFile !== '' }
}

/** The name of the peer; empty under the same conditions. */
export async function localPeerName(folder: string, environment: Environment): Promise<string> {
  return (await ownConfig(folder, environment))?.cluster.peername ?? ''
}

async function ownConfig(folder: string, environment: Environment): Promise<Config | undefined> {
  try {
    const file = serviceFileOf(folder)
    const json = parseJson(file, await readServiceFile(file))
    if (!isObject(json) || sourceOf(json) !== undefined) return undefined
    return (await loadConfig(folder, environment)).config
  } catch {
    return undefined
  }
}
