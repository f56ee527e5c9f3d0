/** Makes a new peer in a folder: decides which IPFS node it has, and writes its files. */
import { request } from 'node:http'
import { defaultsOf, overrideComponent } from '../config/component.ts'
import { ipfshttp } from '../config/components/work.ts'
import type { Initialised, InitOptions } from '../config/initialise.ts'
import { authorizationHeader } from '../runtime/authorization.ts'
import { parseEndpoint } from '../runtime/endpoint.ts'
import { systemRandom } from '../runtime/system.ts'
import { lockFolder } from '../store/lock.ts'
import { hasConfiguration } from './folder.ts'

export interface NewPeer extends Omit<InitOptions, 'ipfs' | 'random'> {
  /** `auto`: Kubo when one answers now, else an embedded node. */
  ipfs: 'kubo' | 'embedded' | 'auto'
}

export interface MadePeer extends Initialised {
  ipfs: 'kubo' | 'embedded'
  /** Where Kubo was looked for; absent when nothing was looked for. */
  probed?: string
}

/** Throws the errors of `initialise`, and `StoreLockedError` when a peer runs on the folder. */
export async function makePeer(options: NewPeer): Promise<MadePeer> {
  const { initialise } = await import('../config/initialise.ts')
  // Only over an existing configuration, as in the original: a new folder has nobody on it.
  using _lock = options.force && hasConfiguration(options.folder) ? lockFolder(options.folder) : undefined
  const choice = await chooseIpfs(options)
  const made = await initialise({ ...options, ipfs: choice.ipfs, random: systemRandom })
  return { ...made, ...choice }
}

async function chooseIpfs({
  ipfs,
  environment,
  source,
}: NewPeer): Promise<Pick<MadePeer, 'ipfs' | 'probed'>> {
  if (ipfs !== 'auto') return { ipfs }
  // The other configuration says it.
  if (source !== undefined) return { ipfs: 'kubo' }
  const settings = overrideComponent(ipfshttp, defaultsOf(ipfshttp), environment)
  const { nodeMultiaddress: probed } = settings
  return { ipfs: (await isKuboAt(probed, settings.nodeAuthorization)) ? 'kubo' : 'embedded', probed }
}

/** Milliseconds that a Kubo has to answer. */
const probeTimeout = 2000

/** True when something there answers as Kubo's RPC does. */
async function isKuboAt(address: string, credentials: string): Promise<boolean> {
  const endpoint = parseEndpoint(address)
  if (endpoint === undefined) return false
  const to =
    endpoint.kind === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port }
  const authorization = authorizationHeader(credentials)
  const headers = authorization === undefined ? {} : { Authorization: authorization }
  return new Promise((resolve) => {
    const call = { ...to, headers, method: 'POST', path: '/api/v0/version', agent: false }
    const probe = request(call, (response) => {
      clearTimeout(timer)
      response.resume()
      resolve(response.statusCode === 200)
      response.once('end', () => probe.destroy())
    })
    const timer = setTimeout(() => {
      probe.destroy()
      resolve(false)
    }, probeTimeout)
    probe.once('error', () => {
      clearTimeout(timer)
      resolve(false)
    })
    probe.end()
  })
}
