import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { isOpenToOthers } from '../../../core/config/atomic-file.ts'
import { refuseForeignState } from '../../../core/config/foreign-state.ts'
import { initialise } from '../../../core/config/initialise.ts'
import { loadConfig } from '../../../core/config/load.ts'
import { readPeerstore, writePeerstore } from '../../../core/config/peerstore.ts'
import { embeddedDefaults } from '../../../core/ipfs/embedded/config.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import vector from '../../vectors/service_default.json' with { type: 'json' }
import { editService, initialisedFolder, initOptions, readService } from './initialised-folder.ts'

const peer = '/ip4/10.0.0.1/tcp/9096/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}

describe('initialise', () => {
  test('closes an empty folder that others may look into, and leaves one that holds something as it is', async () => {
    await using parent = await temporaryFolder()
    const [empty, full] = [`${parent.path}/empty`, `${parent.path}/full`]
    for (const folder of [empty, full]) {
      await mkdir(folder)
      await chmod(folder, 0o755)
    }
    await writeFile(`${full}/other`, '')
    for (const folder of [empty, full]) await initialise(initOptions(folder))
    expect([await modeOf(empty), await modeOf(full)]).toEqual(['700', '755'])
    expect([await isOpenToOthers(empty), await isOpenToOthers(full)]).toEqual([false, true])
  })

  test('writes what ipfs-cluster (Go) writes but lets no web page in, in its order, readable by the owner only', async () => {
    await using parent = await temporaryFolder()
    const folder = `${parent.path}/a/b`
    const environment = { CLUSTER_SECRET: vector.cluster_secret, CLUSTER_PEERNAME: 'go-daemon' }
    const done = await initialise(initOptions(folder, { environment }))
    const text = await readService(folder)
    const expected = structuredClone(vector.service_json)
    for (const api of [expected.api.restapi, expected.api.pinsvcapi]) api.cors_allowed_origins = []
    expect(JSON.parse(text)).toEqual(expected)
    expect(Object.keys(JSON.parse(text))).toEqual([
      'cluster',
      'consensus',
      'api',
      'ipfs_connector',
      'pin_tracker',
      'monitor',
      'allocator',
      'informer',
      'observations',
      'datastore',
    ])
    expect(text).toStartWith('{\n  "cluster": {\n    "peername": "go-daemon",')
    expect(text).toEndWith('}')
    expect((await readdir(folder)).sort()).toEqual(['identity.json', 'peerstore', 'service.json'])
    expect(await modeOf(folder)).toBe('700')
    expect(await modeOf(done.serviceFile)).toBe('600')
    expect(await modeOf(done.identityFile)).toBe('600')
    expect(done).toMatchObject({ identityCreated: true, peerstore: { entries: 0 } })
  })

  test('makes a new secret each time', async () => {
    await using a = await initialisedFolder()
    await using b = await initialisedFolder()
    const secrets = await Promise.all(
      [a, b].map(async ({ path }) => JSON.parse(await readService(path)).cluster.secret),
    )
    expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(secrets[0]).not.toBe(secrets[1])
  })

  test('a secret that is given wins over the variable, and a bad one is refused without a trace', async () => {
    await using parent = await temporaryFolder()
    const folder = `${parent.path}/new`
    await expect(initialise(initOptions(folder, { secret: 'abc' }))).rejects.toThrow(/64 hex digits/)
    expect(await readdir(parent.path)).toEqual([])
    const environment = { CLUSTER_SECRET: vector.cluster_secret }
    await initialise(initOptions(folder, { secret: 'AB'.repeat(32), environment }))
    expect(JSON.parse(await readService(folder)).cluster.secret).toBe('ab'.repeat(32))
  })

  test('peers go to the peerstore and are the only ones trusted', async () => {
    await using folder = await initialisedFolder({ peers: [` ${peer} `] })
    expect(await readFile(`${folder.path}/peerstore`, 'utf8')).toBe(`${peer}\n`)
    expect(JSON.parse(await readService(folder.path)).consensus.crdt.trusted_peers).toEqual([
      '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
    ])
    await using other = await temporaryFolder()
    await expect(initialise(initOptions(other.path, { peers: ['/ip4/10.0.0.1/tcp/9096'] }))).rejects.toThrow(
      '--peers is "/ip4/10.0.0.1/tcp/9096": must be multiaddrs that end in /p2p/<peer ID>',
    )
  })

  test('an embedded IPFS node is a component of its own, which kubo has not', async () => {
    await using folder = await initialisedFolder({ ipfs: 'embedded' })
    const connector = JSON.parse(await readService(folder.path)).ipfs_connector
    expect(Object.keys(connector)).toEqual(['embedded', 'ipfshttp'])
    expect((await loadConfig(folder.path, {})).config.embedded?.network).toBe('public')
  })

  test('the embedded node has the settings and defaults that it declares itself', async () => {
    await using folder = await initialisedFolder({ ipfs: 'embedded' })
    const { config } = await loadConfig(folder.path, {})
    expect(config.embedded).toEqual({ ...embeddedDefaults, folder: 'ipfs' })
  })

  test('an existing configuration is kept unless it may be replaced, and then unknown keys survive', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.cluster.colour = 'blue'
      json.cluster.peername = 'old'
      json.api.gopher = { size: 1 }
    })
    const before = await readService(folder.path)
    await writeFile(`${folder.path}/service.json`, before.replace('"size":1', '"size":12345678901234567890'))
    const identity = await readFile(`${folder.path}/identity.json`, 'utf8')
    const again = initOptions(folder.path, { environment: { CLUSTER_PEERNAME: 'new' } })
    await expect(initialise(again)).rejects.toThrow('service.json exists already; --force replaces it')
    const done = await initialise({ ...again, force: true })
    const text = await readService(folder.path)
    expect(text).toContain('"size": 12345678901234567890')
    expect(JSON.parse(text).cluster).toMatchObject({ colour: 'blue', peername: 'new' })
    expect(done.identityCreated).toBe(false)
    expect(await readFile(`${folder.path}/identity.json`, 'utf8')).toBe(identity)
  })

  test('a source is all that the file then says', async () => {
    await using folder = await initialisedFolder({ source: 'https://example.org/c' })
    expect(await readService(folder.path)).toBe('{\n  "source": "https://example.org/c"\n}')
    expect((await readdir(folder.path)).sort()).toEqual(['identity.json', 'service.json'])
  })

  test('random ports all differ, and a variable wins over them', async () => {
    await using folder = await initialisedFolder({
      randomPorts: true,
      ipfs: 'embedded',
      environment: { CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/7' },
    })
    const { config } = await loadConfig(folder.path, {})
    const addresses = [
      ...config.cluster.listenMultiaddress,
      ...config.pinsvcapi!.httpListenMultiaddress,
      ...config.ipfsproxy!.listenMultiaddress,
      ...config.embedded!.swarmListenMultiaddress,
      ...config.embedded!.gatewayListenMultiaddress,
    ]
    const ports = addresses.map((address) => address.split('/')[4])
    expect(new Set(ports).size).toBe(6)
    expect(ports).not.toContain('9096')
    expect(config.restapi?.httpListenMultiaddress).toEqual(['/ip4/127.0.0.1/tcp/7'])
  })
})

describe('the peerstore', () => {
  test('is read back as written; other lines are not addresses', async () => {
    await using folder = await temporaryFolder()
    const file = `${folder.path}/peerstore`
    expect(await readPeerstore(file)).toEqual([])
    await writePeerstore(file, [peer, '/dns4/a.example/tcp/1'])
    await writeFile(file, `# by hand\n\n${await readFile(file, 'utf8')}`)
    expect(await readPeerstore(file)).toEqual([peer, '/dns4/a.example/tcp/1'])
  })
})

describe("a folder of the original's", () => {
  async function load(path: string) {
    return (await loadConfig(path, {})).config
  }

  test.each(['pebble', 'leveldb', 'badger', 'badger3'])(
    'with data in %s is refused, naming the way over',
    async (name) => {
      await using folder = await initialisedFolder()
      await mkdir(`${folder.path}/${name}`)
      await refuseForeignState(await load(folder.path), false)
      await writeFile(`${folder.path}/${name}/MANIFEST`, 'x')
      const refused = refuseForeignState(await load(folder.path), false)
      await expect(refused).rejects.toThrow(
        /service state export -f pins\.json.*cluster state import pins\.json/,
      )
      await expect(refused).rejects.toHaveProperty('name', 'ForeignStateError')
      await refuseForeignState(await load(folder.path), true)
    },
  )

  test('is found where the configuration has moved it', async () => {
    await using folder = await initialisedFolder({ datastore: 'badger3' })
    await editService(folder.path, (json) => {
      json.datastore.badger3.folder = 'elsewhere'
    })
    await mkdir(`${folder.path}/elsewhere`)
    await writeFile(`${folder.path}/elsewhere/MANIFEST`, 'x')
    await expect(refuseForeignState(await load(folder.path), false)).rejects.toThrow(
      `${folder.path}/elsewhere`,
    )
  })

  test('that is set up for raft is refused, with data or without', async () => {
    await using folder = await initialisedFolder()
    await editService(folder.path, (json) => {
      json.consensus = { raft: {} }
      delete json.datastore
    })
    await expect(refuseForeignState(await load(folder.path), true)).rejects.toThrow(
      /raft.*state export.*state import/,
    )
  })
})
