/** What a configuration may do that comes from elsewhere. */
import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadConfig } from '../../../core/config/load.ts'
import { checkSource, shownSource } from '../../../core/config/source.ts'
import { editService, initialisedFolder, readService } from './initialised-folder.ts'

async function served(body: string, location?: string) {
  const server = createServer((_request, response) => {
    response.writeHead(
      location === undefined ? 200 : 302,
      location === undefined ? {} : { Location: location },
    )
    response.end(body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
type AnyJson = any

async function loaded(change: (json: AnyJson) => void, environment: Record<string, string> = {}) {
  await using template = await initialisedFolder({ ipfs: 'embedded' })
  await editService(template.path, change)
  await using server = await served(await readService(template.path))
  await using folder = await initialisedFolder({ source: `http://${server.address}/c` })
  return (await loadConfig(folder.path, environment)).config
}

describe('a configuration from elsewhere', () => {
  test('is taken when it stays in its bounds', async () => {
    const config = await loaded((json) => {
      json.api.restapi.http_listen_multiaddress = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1']
      json.api.restapi.http_log_file = 'logs/access.log'
      json.cluster.peerstore_file = 'peers.txt'
      json.cluster.listen_multiaddress = ['/ip4/0.0.0.0/tcp/9096']
    })
    expect(config.restapi!.httpLogFile).toBe('logs/access.log')
  })

  const listeners: [string, (json: AnyJson) => void, string][] = [
    [
      'api.restapi.http_listen_multiaddress',
      (json: AnyJson) => {
        json.api.restapi.http_listen_multiaddress = '/ip4/0.0.0.0/tcp/9094'
      },
      'CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS',
    ],
    [
      'api.restapi.http_listen_multiaddress',
      (json: AnyJson) => {
        json.api.restapi.http_listen_multiaddress = ['/ip4/127.0.0.1/tcp/1', '/dns4/a.example/tcp/9094']
      },
      'CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS',
    ],
    [
      'api.restapi.http_listen_multiaddress',
      (json: AnyJson) => {
        json.api.restapi.http_listen_multiaddress = '/unix//tmp/api.sock'
      },
      'CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS',
    ],
    [
      'api.pinsvcapi.http_listen_multiaddress',
      (json: AnyJson) => {
        json.api.pinsvcapi.http_listen_multiaddress = '/ip6/::/tcp/9097'
      },
      'CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS',
    ],
    [
      'api.ipfsproxy.listen_multiaddress',
      (json: AnyJson) => {
        json.api.ipfsproxy.listen_multiaddress = '/ip4/10.0.0.1/tcp/9095'
      },
      'CLUSTER_IPFSPROXY_LISTENMULTIADDRESS',
    ],
    [
      'ipfs_connector.embedded.gateway_listen_multiaddress',
      (json: AnyJson) => {
        json.ipfs_connector.embedded.gateway_listen_multiaddress = '/ip4/0.0.0.0/tcp/9098'
      },
      'CLUSTER_EMBEDDED_GATEWAYLISTENMULTIADDRESS',
    ],
    [
      'observations.metrics.prometheus_endpoint',
      (json: AnyJson) => {
        json.observations.metrics.prometheus_endpoint = '/ip4/0.0.0.0/tcp/8888'
      },
      'CLUSTER_METRICS_PROMETHEUSENDPOINT',
    ],
  ]
  test.each(listeners)('may not listen to strangers by %s', async (key, change, variable) => {
    const failure = await loaded(change).catch((error: Error) => error)
    expect(String(failure)).toContain(`${key} is `)
    expect(String(failure)).toContain(`may listen on loopback only; the variable ${variable} may`)
    await loaded(change, { [variable]: '/ip4/0.0.0.0/tcp/9999' })
  })

  const files: [string, (json: AnyJson) => void][] = [
    [
      'cluster.peerstore_file',
      (json: AnyJson) => {
        json.cluster.peerstore_file = '/etc/passwd'
      },
    ],
    [
      'cluster.peerstore_file',
      (json: AnyJson) => {
        json.cluster.peerstore_file = 'identity.json'
      },
    ],
    [
      'api.restapi.http_log_file',
      (json: AnyJson) => {
        json.api.restapi.http_log_file = '../.profile'
      },
    ],
    [
      'api.restapi.http_log_file',
      (json: AnyJson) => {
        json.api.restapi.http_log_file = 'a/../service.json'
      },
    ],
    [
      'api.pinsvcapi.http_log_file',
      (json: AnyJson) => {
        json.api.pinsvcapi.http_log_file = '/x'
      },
    ],
    [
      'api.restapi.ssl_key_file',
      (json: AnyJson) => {
        json.api.restapi.ssl_cert_file = 'c'
        json.api.restapi.ssl_key_file = '/k'
      },
    ],
    [
      'api.ipfsproxy.log_file',
      (json: AnyJson) => {
        json.api.ipfsproxy.log_file = '../x'
      },
    ],
    [
      'ipfs_connector.embedded.folder',
      (json: AnyJson) => {
        json.ipfs_connector.embedded.folder = '..'
      },
    ],
    [
      'ipfs_connector.embedded.folder',
      (json: AnyJson) => {
        json.ipfs_connector.embedded.folder = 'store'
      },
    ],
  ]
  test.each(files)('may not name a file of others by %s', async (key, change) => {
    const failure = await loaded(change).catch((error: Error) => error)
    expect(String(failure)).toContain(`${key} is `)
    expect(String(failure)).toContain('may name files only inside of ')
  })

  test('is bound by none of this when it is in the folder', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.api.restapi.http_listen_multiaddress = '/ip4/0.0.0.0/tcp/9094'
      json.cluster.peerstore_file = '/etc/peers'
    })
    expect((await loadConfig(folder.path, {})).config.cluster.peerstoreFile).toBe('/etc/peers')
  })
})

describe('the address of a configuration', () => {
  test.each([
    'https://example.org/c',
    'http://127.0.0.1:8080/ipns/x',
    'http://localhost/c',
    'http://[::1]:1/c',
  ])('%s is taken', (url) => expect(() => checkSource(url)).not.toThrow())

  test.each(['http://example.org/c', 'http://127.0.0.1.example.org/c', 'http://10.0.0.1/c'])(
    '%s is refused, at init already',
    async (source) => {
      expect(() => checkSource(source)).toThrow('it must be https://')
      await expect(initialisedFolder({ source })).rejects.toThrow('it must be https://')
    },
  )

  test('is refused, too, when it leads to one that is', async () => {
    await using server = await served('{}', 'http://0.0.0.0:1/c')
    await using folder = await initialisedFolder({ source: `http://${server.address}/c` })
    await expect(loadConfig(folder.path, {})).rejects.toThrow('could not fetch configuration from source')
  })

  test('is never shown with its user, password or query', async () => {
    const hidden = /ann|hunter2|token/
    for (const url of [
      'https://ann:hunter2@example.org/c?token=1#x',
      'ftp://ann:hunter2@example.org/c?token=1',
      'http://ann:hunter2@example.org/c?token=1',
      'ann:hunter2@example.org/c?token=1',
      'http://ann:hunter2@[broken/c?token=1',
    ]) {
      expect(shownSource(url.replace(/^ann:hunter2@/, ''))).not.toMatch(hidden)
    }
    await using broken = await served('{"cluster"')
    const sources = ['127.0.0.1:1', broken.address].map((host) => `http://ann:hunter2@${host}/c?token=1`)
    for (const source of [...sources, 'http://ann:hunter2@example.org/c?token=1']) {
      const failure = await initialisedFolder({ source })
        .then(async (folder) => {
          await using _made = folder
          return await loadConfig(folder.path, {})
        })
        .catch((error: Error) => error)
      expect(failure).toBeInstanceOf(Error)
      expect(String(failure)).not.toMatch(hidden)
    }
  })
})
