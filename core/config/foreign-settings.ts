/**
 * What a configuration that was fetched may not set: a stranger who answers for its address, now or later, would have this machine
 * listen to strangers or write into files outside of the peer's folder. What the user sets by variables is his own word.
 */
import { resolve, sep } from 'node:path'
import { parseEndpoint } from '../runtime/endpoint.ts'
import type { Environment } from './component.ts'
import { ipfsproxy, pinsvcapi, restapi } from './components/api.ts'
import { cluster } from './components/cluster.ts'
import { embedded } from './components/own.ts'
import { metrics } from './components/work.ts'
import { ConfigValueError } from './errors.ts'
import { serviceFileOf } from './folder.ts'
import type { Service } from './service.ts'
import { type Component, camelCase, pathOf, variableOf } from './setting.ts'
import { isLoopbackHost } from './source.ts'

const listeners: readonly [component: Component, key: string][] = [
  [restapi, 'http_listen_multiaddress'],
  [pinsvcapi, 'http_listen_multiaddress'],
  [ipfsproxy, 'listen_multiaddress'],
  [embedded, 'gateway_listen_multiaddress'],
  [metrics, 'prometheus_endpoint'],
] as unknown as [Component, string][]

const files: readonly [component: Component, key: string][] = [
  [cluster, 'peerstore_file'],
  ...[restapi, pinsvcapi].flatMap((api) =>
    ['http_log_file', 'ssl_cert_file', 'ssl_key_file'].map((key) => [api, key]),
  ),
  [ipfsproxy, 'log_file'],
  [embedded, 'folder'],
] as unknown as [Component, string][]

/** Files of a peer that nothing else may be written into. */
const ownFiles = ['service.json', 'identity.json', 'cluster.lock', 'store', 'removed-peers']

/** Throws `ConfigValueError`, which names the variable that sets the value all the same. */
export function refuseForeignSettings(
  service: Service,
  { folder, origin, environment }: { folder: string; origin: string; environment: Environment },
): void {
  const refuse = (component: Component, key: string, value: string, allowed: string): never => {
    const variable = variableOf(component.environment, key)
    throw new ConfigValueError({
      origin,
      key: `${pathOf(component)}.${key}`,
      value,
      allowed: `a configuration from elsewhere ${allowed}; the variable ${variable} may`,
    })
  }
  for (const [component, key] of listeners) {
    for (const value of foreignValues(service, component, key, environment)) {
      const endpoint = parseEndpoint(value)
      if (endpoint === undefined) continue
      if (endpoint.kind === 'unix' ? !isInside(folder, endpoint.path) : !isLoopbackHost(endpoint.host)) {
        refuse(component, key, value, 'may listen on loopback only')
      }
    }
  }
  for (const [component, key] of files) {
    for (const value of foreignValues(service, component, key, environment)) {
      if (value !== '' && !isInside(folder, value)) {
        refuse(
          component,
          key,
          value,
          `may name files only inside of ${serviceFileOf(folder).replace(/[^/]+$/, '')}`,
        )
      }
    }
  }
}

/** The values of a setting that is not set by its variable. */
function foreignValues(
  service: Service,
  component: Component,
  key: string,
  environment: Environment,
): string[] {
  if (environment[variableOf(component.environment, key)] !== undefined) return []
  const values = (service as unknown as Record<string, Record<string, unknown> | undefined>)[component.name]
  const value = values?.[camelCase(key)] as string | string[] | undefined
  return value === undefined ? [] : [value].flat()
}

/** In the folder, and not one of the peer's own files. */
function isInside(folder: string, path: string): boolean {
  const whole = resolve(folder, path)
  if (!whole.startsWith(`${resolve(folder)}${sep}`)) return false
  const first = whole.slice(resolve(folder).length + 1).split(sep)[0]!
  return !ownFiles.includes(first)
}
