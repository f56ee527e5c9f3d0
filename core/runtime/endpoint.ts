/**
 * Where an HTTP service listens or is reached: the multiaddrs that this program takes for one. They are parsed here and
 * not with a multiaddr library because the original's unix form, `/unix//run/x.sock`, is not one that libraries take,
 * and because a client command is to start without them.
 *
 *   /ip4|ip6|dns|dns4|dns6/<host>/tcp/<port>[/http|/https|/tls|/tls/http]
 *   /unix/<path>
 */

export type Endpoint =
  | { kind: 'tcp'; host: string; port: number; tls: boolean; name: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6' }
  | { kind: 'unix'; path: string }

/** Undefined for anything else, such as a swarm address. A port of 0 is taken: it means any free one to a listener. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const unix = /^\/unix\/(.+)$/s.exec(text)
  // `/unix//a/b` and `/unix/a/b` are the same absolute path, as in the original.
  if (unix) return { kind: 'unix', path: `/${unix[1]!.replace(/^\/+/, '')}` }
  const tcp =
    /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})((?:\/(?:https|http|tls|tls\/http))?)$/.exec(text)
  if (!tcp) return undefined
  const [, name, host, port, suffix] = tcp as unknown as [string, EndpointName, string, string, string]
  if (Number(port) > 65_535 || !hostPattern[name].test(host)) return undefined
  return { kind: 'tcp', host, port: Number(port), tls: suffix !== '' && suffix !== '/http', name }
}

/** `host:port` as in a URL. */
export function authorityOf(endpoint: { host: string; port: number }): string {
  return endpoint.host.includes(':')
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`
}

type EndpointName = 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6'

const label = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const domain = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*\\.?$`)
const byte = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const hostPattern: Record<EndpointName, RegExp> = {
  ip4: new RegExp(`^${byte}(\\.${byte}){3}$`),
  ip6: /^(?=[^:]*:)[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9._-]+)?$/,
  dns: domain,
  dns4: domain,
  dns6: domain,
}
