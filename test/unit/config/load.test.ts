import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadConfig } from '../../../core/config/load.ts'
import { renderService } from '../../../core/config/service.ts'
import vector from '../../vectors/service_default.json' with { type: 'json' }
import { editService, initialisedFolder, readService } from './initialised-folder.ts'

const secret = vector.cluster_secret

describe('a configuration without changes', () => {
  test('has the defaults of the original and is written as it was', async () => {
    await using folder = await initialisedFolder({ environment: { CLUSTER_SECRET: secret } })
    const { config, warnings } = await loadConfig(folder.path, {})
    expect(warnings).toEqual([])
    expect(config.cluster.secret).toBe(secret)
    expect(config.cluster.dialPeerTimeout).toBe(3000)
    expect(config.restapi?.httpListenMultiaddress).toEqual(['/ip4/127.0.0.1/tcp/9094'])
    expect(config.crdt?.batching).toEqual({ maxBatchSize: 0, maxBatchAge: 0, maxQueueSize: 50_000 })
    expect(config.ipfshttp.unpinTimeout).toBe(3 * 3_600_000)
    expect(config.stateful).toEqual({ concurrentUnpins: 10, adoptExistingPins: false })
    expect(config.embedded).toBeUndefined()
    expect(renderService(config, 'plain')).toBe(await readService(folder.path))
  })
})

describe('what is missing', () => {
  test('an API, an informer or the embedded node that is not there is off', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      delete json.api.pinsvcapi
      delete json.informer
      json.api.ipfsproxy = null
    })
    const { config } = await loadConfig(folder.path, {})
    expect([config.pinsvcapi, config.ipfsproxy, config.disk, config.tags]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(config.restapi).toBeDefined()
  })

  test('an old file without an allocator allocates by free space', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => delete json.allocator)
    expect((await loadConfig(folder.path, {})).config.balanced.allocateBy).toEqual(['freespace'])
  })

  test('other missing sections and keys have their defaults', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      delete json.pin_tracker
      delete json.monitor
      delete json.observations
      delete json.cluster.state_sync_interval
      delete json.cluster.pubsub
      json.cluster.dial_peer_timeout = ''
      json.cluster.replication_factor_min = 0
      json.api.restapi.max_header_bytes = 0
    })
    const { config } = await loadConfig(folder.path, {})
    expect(config.stateless.concurrentPins).toBe(10)
    expect(config.pubsubmon.checkInterval).toBe(15_000)
    expect(config.tracing.serviceName).toBe('cluster-daemon')
    expect(config.cluster.stateSyncInterval).toBe(300_000)
    expect(config.cluster.pubsub.dFactor).toBe(4)
    expect(config.cluster.dialPeerTimeout).toBe(3_000)
    expect(config.cluster.replicationFactorMin).toBe(-1)
    expect(config.restapi?.maxHeaderBytes).toBe(4096)
  })

  test('an absent boolean is false, also where the default is true, and absent trust is none', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      delete json.cluster.disable_repinning
      delete json.cluster.enable_relay_hop
      json.cluster.resource_manager = {}
      delete json.consensus.crdt.trusted_peers
      delete json.api.restapi.cors_allow_credentials
    })
    const { config } = await loadConfig(folder.path, {})
    expect(config.cluster.disableRepinning).toBe(false)
    expect(config.cluster.enableRelayHop).toBe(false)
    expect(config.cluster.resourceManager.enabled).toBe(false)
    expect(config.crdt?.trustedPeers).toEqual([])
    expect(config.restapi?.corsAllowCredentials).toBe(false)
  })

  test('a secret that is empty is warned of', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster.secret = ''
    })
    expect((await loadConfig(folder.path, {})).warnings).toEqual([
      'cluster.secret is empty: whoever reaches this peer can join the cluster',
    ])
  })
})

describe('what is unknown', () => {
  test('is warned of once a key, has no effect and is kept when the file is written again', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster.colour = 'blue'
      json.cluster.pubsub.mood = 1
      json.informer.weather = { metric_ttl: '10s' }
      json.plugins = { a: [1] }
    })
    const { config, warnings } = await loadConfig(folder.path, {})
    expect(warnings.map((warning) => warning.replace(`${folder.path}/service.json: `, ''))).toEqual([
      'cluster.colour is not a known key; it is kept and has no effect',
      'cluster.pubsub.mood is not a known key; it is kept and has no effect',
      'informer.weather is not a known component; it is kept and has no effect',
      'plugins is not a known section; it is kept and has no effect',
    ])
    const written = JSON.parse(renderService(config, 'plain', JSON.parse(await readService(folder.path))))
    expect(written).toEqual(JSON.parse(await readService(folder.path)))
    expect(Object.keys(written.informer)).toEqual(['disk', 'pinqueue', 'tags', 'weather'])
  })
})

describe('values that are refused', () => {
  test.each([
    ['dial_peer_timeout', '0s', 'must be a duration such as "1h30m", "15s" or "200ms", above 0'],
    ['dial_peer_timeout', 'soon', 'must be a duration such as "1h30m", "15s" or "200ms", above 0'],
    [
      'listen_multiaddress',
      [],
      'must be a multiaddr such as "/ip4/127.0.0.1/tcp/9094", or a list of such, with',
    ],
    ['peer_addresses', ['/ip4/300.0.0.1/tcp/1'], 'must be a list, each a multiaddr'],
    ['replication_factor_min', -5, 'must be a whole number, at least −1 and not 0'],
    ['replication_factor_max', 2.5, 'must be a whole number'],
    ['disable_repinning', 'yes', 'must be true or false'],
    ['connection_manager', [], 'must be an object'],
  ])('cluster.%s = %j', async (key, value, allowed) => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster[key as string] = value
    })
    const refused = loadConfig(folder.path, {})
    await expect(refused).rejects.toThrow(
      `${folder.path}/service.json: cluster.${key} is ${JSON.stringify(value)}: ${allowed}`,
    )
    await expect(refused).rejects.toHaveProperty('name', 'ConfigValueError')
  })

  test('a wrong secret, password or key is not shown', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster.secret = 'hunter2'
    })
    await expect(loadConfig(folder.path, {})).rejects.toThrow(
      'service.json: cluster.secret: must be 64 hex digits (32 bytes), or empty for no private network',
    )
    await expect(loadConfig(folder.path, { CLUSTER_SECRET: 'hunter3' })).rejects.toThrow(/^((?!hunter).)*$/)
  })

  test('settings that contradict each other are named', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster.replication_factor_min = 3
    })
    await expect(loadConfig(folder.path, {})).rejects.toThrow(
      'cluster.replication_factor_min: and replication_factor_max must both be −1 when one of them is',
    )
    await expect(loadConfig(folder.path, { CLUSTER_REPLICATIONFACTORMAX: '2' })).rejects.toThrow(
      'cluster.replication_factor_min: must not be larger than replication_factor_max',
    )
    await editService(folder.path, (json) => {
      json.cluster.replication_factor_min = -1
      json.api.restapi.basic_auth_credentials = {}
    })
    await expect(loadConfig(folder.path, {})).rejects.toThrow('api.restapi.basic_auth_credentials')
  })

  test('exactly one consensus is needed', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.consensus = {}
    })
    await expect(loadConfig(folder.path, {})).rejects.toThrow(/could not determine the consensus component/)
  })

  test('a duration of the CRDT component that cannot be read is the default, with a warning', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.consensus.crdt.repair_interval = 'often'
    })
    const { config, warnings } = await loadConfig(folder.path, {})
    expect(config.crdt?.repairInterval).toBe(3_600_000)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('consensus.crdt.repair_interval is "often", which is not a duration')
  })

  test('a certificate that is not there is named', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.api.restapi.ssl_cert_file = 'cert.pem'
      json.api.restapi.ssl_key_file = 'key.pem'
    })
    await expect(loadConfig(folder.path, {})).rejects.toThrow(
      /api\.restapi\.ssl_cert_file is "cert.pem": error loading TLS certificate\/key/,
    )
  })

  test('a file that is not JSON is told by line and column, one that is not there by what makes one', async () => {
    await using folder = await initialisedFolder()
    await writeFile(`${folder.path}/service.json`, '{\n  "cluster": {\n    "peername": "a",\n  }\n}')
    await expect(loadConfig(folder.path, {})).rejects.toThrow(
      `${folder.path}/service.json: not valid JSON (line 4, column 3)`,
    )
    await expect(loadConfig(`${folder.path}/none`, {})).rejects.toThrow(/not found; `cluster init` makes a/)
  })
})

describe('environment variables', () => {
  test('override the file by names without underscores between words', async () => {
    await using folder = await initialisedFolder()
    const { config } = await loadConfig(folder.path, {
      CLUSTER_PEERNAME: 'env',
      CLUSTER_PUBSUB_DFACTOR: '0x10',
      CLUSTER_CONNECTIONMANAGER_HIGHWATER: '500',
      CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/1,/unix//run/api.sock',
      CLUSTER_RESTAPI_BASICAUTHCREDENTIALS: 'a:b,c:d:e',
      CLUSTER_CRDT_BATCHING_MAXBATCHSIZE: '7',
      CLUSTER_CRDT_TRUSTEDPEERS: '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
      CLUSTER_DISABLEREPINNING: 'f',
      CLUSTER_TAGS_TAGS: 'region:eu',
      CLUSTER_TRACING_SAMPLINGPROB: '0.5',
      CLUSTER_STATELESS_PRIORITYPINMAXAGE: '1h30m',
    })
    expect(config.cluster.peername).toBe('env')
    expect(config.cluster.pubsub.dFactor).toBe(16)
    expect(config.cluster.connectionManager.highWater).toBe(500)
    expect(config.restapi?.httpListenMultiaddress).toEqual(['/ip4/127.0.0.1/tcp/1', '/unix//run/api.sock'])
    expect({ ...config.restapi?.basicAuthCredentials }).toEqual({ a: 'b', c: 'd:e' })
    expect(config.crdt?.batching.maxBatchSize).toBe(7)
    expect(config.crdt?.trustedPeers).toHaveLength(1)
    expect(config.cluster.disableRepinning).toBe(false)
    expect({ ...config.tags?.tags }).toEqual({ region: 'eu' })
    expect(config.tracing.samplingProb).toBe(0.5)
    expect(config.stateless.priorityPinMaxAge).toBe(5_400_000)
  })

  test('set but empty: lists become empty, a default stays, numbers and booleans are refused', async () => {
    await using folder = await initialisedFolder()
    const { config } = await loadConfig(folder.path, {
      CLUSTER_PEERADDRESSES: '',
      CLUSTER_CRDT_TRUSTEDPEERS: '',
      CLUSTER_CRDT_CLUSTERNAME: '',
      CLUSTER_DIALPEERTIMEOUT: '',
    })
    expect(config.crdt?.trustedPeers).toEqual([])
    expect(config.crdt?.clusterName).toBe('ipfs-cluster')
    expect(config.cluster.dialPeerTimeout).toBe(3_000)
    for (const variable of ['CLUSTER_REPLICATIONFACTORMIN', 'CLUSTER_LEAVEONSHUTDOWN']) {
      await expect(loadConfig(folder.path, { [variable]: '' })).rejects.toThrow(`${variable} is ""`)
    }
  })

  test('a bad value is told with the name of the variable', async () => {
    await using folder = await initialisedFolder()
    await expect(loadConfig(folder.path, { CLUSTER_PUBSUB_HEARTBEATINTERVAL: '10' })).rejects.toThrow(
      'CLUSTER_PUBSUB_HEARTBEATINTERVAL is "10": must be a duration such as "1h30m", "15s" or "200ms", above 0',
    )
  })

  test('one spelled with underscores has no effect and is warned of', async () => {
    await using folder = await initialisedFolder()
    const { config, warnings } = await loadConfig(folder.path, {
      CLUSTER_PUBSUB_D_FACTOR: '9',
      CLUSTER_SERVICE_HOST: 'x',
    })
    expect(config.cluster.pubsub.dFactor).toBe(4)
    expect(warnings).toEqual([
      'the variable CLUSTER_PUBSUB_D_FACTOR has no effect; it is spelled CLUSTER_PUBSUB_DFACTOR',
    ])
  })

  test('of a component that is not there does not start it', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => delete json.api.pinsvcapi)
    const environment = { CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/1' }
    expect((await loadConfig(folder.path, environment)).config.pinsvcapi).toBeUndefined()
  })
})

describe('a configuration with a source', () => {
  async function served(answers: Record<string, { status?: number; body: string }>) {
    const server = createServer((request, response) => {
      const answer = answers[request.url ?? ''] ?? { status: 404, body: 'nothing here' }
      response.writeHead(answer.status ?? 200).end(answer.body)
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return {
      url,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise((closed) => server.close(closed))
      },
    }
  }

  test('is fetched, everything beside the source is ignored, and the environment goes over it', async () => {
    await using template = await initialisedFolder({ environment: { CLUSTER_SECRET: secret } })
    await using server = await served({ '/c': { body: await readService(template.path) } })
    await using folder = await initialisedFolder({ source: `${server.url}/c` })
    await editService(folder.path, (json) => {
      json.cluster = { peername: 'ignored' }
    })
    const { config } = await loadConfig(folder.path, { CLUSTER_PEERNAME: 'mine' })
    expect(config.cluster).toMatchObject({ secret, peername: 'mine' })
    expect(config.origin).toBe(`${server.url}/c`)
    expect(config.folder).toBe(folder.path)
  })

  test('fails with the address when it is refused, points on, is broken, or nobody answers', async () => {
    await using server = await served({
      '/other': { body: '{"source":"http://127.0.0.1:1/x"}' },
      '/broken': { body: '{' },
    })
    const load = async (source: string) => {
      await using folder = await initialisedFolder({ source })
      return await loadConfig(folder.path, {})
    }
    await expect(load(`${server.url}/none`)).rejects.toThrow('unsuccessful request (404): nothing here')
    await expect(load(`${server.url}/other`)).rejects.toThrow(
      'a sourced configuration cannot point to another source',
    )
    await expect(load(`${server.url}/broken`)).rejects.toThrow(`${server.url}/broken: not valid JSON (line 1`)
    await expect(load('http://127.0.0.1:1/x')).rejects.toThrow(
      'could not fetch configuration from source: http://127.0.0.1:1/x',
    )
    await expect(load('127.0.0.1:8080/ipns/x')).rejects.toThrow(
      /only http:\/\/ and https:\/\/ addresses can be fetched/,
    )
  })
})

describe('showing a configuration', () => {
  test('hides secrets and shows keys that the file omits', async () => {
    await using folder = await initialisedFolder({ environment: { CLUSTER_SECRET: secret } })
    await editService(folder.path, (json) => {
      json.api.restapi.basic_auth_credentials = { ann: 'hunter2' }
    })
    const { config } = await loadConfig(folder.path, {})
    const shown = renderService(config, 'display')
    expect(shown).not.toContain(secret)
    expect(shown).not.toContain('hunter2')
    const json = JSON.parse(shown)
    expect(json.cluster.secret).toBe('XXX_hidden_XXX')
    expect(json.cluster.private_key).toBe('XXX_hidden_XXX')
    expect(json.api.restapi.basic_auth_credentials).toBe('XXX_hidden_XXX')
    expect(json.cluster.follower_mode).toBe(false)
    expect(json.pin_tracker.stateful.concurrent_unpins).toBe(10)
    expect(JSON.parse(renderService(config, 'display-secrets')).cluster.secret).toBe(secret)
  })
})

test('an address of a peer that names no peer is told, and no error', async () => {
  await using folder = await initialisedFolder()
  await editService(folder.path, (json) => {
    json.cluster.peer_addresses = ['/ip4/192.0.2.1/tcp/9096']
  })
  const { warnings } = await loadConfig(folder.path, {})
  expect(warnings.filter((warning) => warning.includes('name no peer'))).toEqual([
    expect.stringContaining('cluster.peer_addresses: /ip4/192.0.2.1/tcp/9096'),
  ])
})
