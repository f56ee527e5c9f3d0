/** Loads the configuration of a peer: file or source, then the environment, then the checks. */
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Environment, isObject } from './component.ts'
import { ConfigFileError, ConfigValueError, SourceError } from './errors.ts'
import { serviceFileOf } from './folder.ts'
import { placeOfJsonError } from './json-text.ts'
import type { Json } from './kind.ts'
import { splitByPeer } from './peer-addresses.ts'
import { allVariables, readService, type Service } from './service.ts'
import { fetchSource, maxServiceBytes } from './source.ts'

export interface Config extends Service {
  /** The folder that relative paths of the settings begin at. */
  folder: string
  /** Where the settings were read: the path of service.json, or the address it points to. */
  origin: string
}

export interface LoadedConfig {
  config: Config
  /** What the user should know: unknown keys, settings without protection. Each one once. */
  warnings: string[]
}

/**
 * Loads the configuration in `folder`. Throws `ConfigFileError`, `ConfigValueError`, `SourceError`; each names the file
 * or variable, the key and what is allowed.
 */
export async function loadConfig(
  folder: string,
  environment: Environment,
  options: { signal?: AbortSignal } = {},
): Promise<LoadedConfig> {
  const file = serviceFileOf(folder)
  const { json, origin } = await followSource(
    parseJson(file, await readServiceFile(file)),
    file,
    options.signal,
  )
  const warnings = new Set<string>()
  const service = readService(json, { file: origin, warn: (message) => warnings.add(message) }, environment)
  const config = { ...service, folder, origin }
  await checkTlsFiles(config)
  for (const warning of environmentWarnings(environment)) warnings.add(warning)
  if (config.cluster.secret === '') {
    warnings.add('cluster.secret is empty: whoever reaches this peer can join the cluster')
  }
  const { nameless } = splitByPeer(config.cluster.peerAddresses)
  if (nameless.length > 0) {
    warnings.add(
      `cluster.peer_addresses: ${nameless.join(', ')} name no peer and are not used: add /p2p/<peer ID>, which ` +
        '"cluster id" on that peer shows',
    )
  }
  return { config, warnings: [...warnings] }
}

/** The text of a service.json. Throws `ConfigFileError`. */
export async function readServiceFile(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > maxServiceBytes) throw new ConfigFileError(file, `larger than ${maxServiceBytes} bytes`)
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (cause instanceof ConfigFileError) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new ConfigFileError(file, 'not found; `cluster init` makes a configuration', { cause })
    }
    throw new ConfigFileError(file, `cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Throws `ConfigFileError` with line and column. */
export function parseJson(file: string, text: string): Json {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const place = placeOfJsonError(text)
    const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`
    throw new ConfigFileError(file, `not valid JSON${where}`, { cause })
  }
}

/** The address that a service.json points to instead of having settings; undefined for an ordinary one. */
export function sourceOf(json: Json): string | undefined {
  const source = isObject(json) ? json.source : undefined
  return typeof source === 'string' && source !== '' ? source : undefined
}

async function followSource(
  json: Json,
  file: string,
  signal: AbortSignal | undefined,
): Promise<{ json: Json; origin: string }> {
  const source = sourceOf(json)
  if (source === undefined) return { json, origin: file }
  const fetched = parseJson(source, await fetchSource(source, signal))
  if (sourceOf(fetched) !== undefined) {
    throw new SourceError(`a sourced configuration cannot point to another source (${source})`)
  }
  return { json: fetched, origin: source }
}

async function checkTlsFiles(config: Config): Promise<void> {
  for (const name of ['restapi', 'pinsvcapi'] as const) {
    for (const [key, path] of [
      ['ssl_cert_file', config[name]?.sslCertFile],
      ['ssl_key_file', config[name]?.sslKeyFile],
    ] as const) {
      if (!path) continue
      await readFile(resolve(config.folder, path)).catch((cause: Error) => {
        throw new ConfigValueError({
          origin: config.origin,
          key: `api.${name}.${key}`,
          value: path,
          allowed: `error loading TLS certificate/key: ${cause.message}`,
        })
      })
    }
  }
}

/** Variables that are ours but for underscores between words would be ignored in silence. */
function environmentWarnings(environment: Environment): string[] {
  const bare = (name: string) => name.replaceAll('_', '')
  const known = new Map(allVariables().map((name) => [bare(name), name]))
  const names = new Set(known.values())
  return Object.keys(environment).flatMap((name) => {
    const meant = name.startsWith('CLUSTER_') && !names.has(name) ? known.get(bare(name)) : undefined
    return meant === undefined ? [] : [`the variable ${name} has no effect; it is spelled ${meant}`]
  })
}
