/** Every environment variable of the configuration ends up in the file that `init` writes as in the original's. */
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { ipfsproxy, pinsvcapi, restapi } from '../../core/config/components/api.ts'
import { cluster } from '../../core/config/components/cluster.ts'
import { crdt } from '../../core/config/components/consensus.ts'
import { badger, badger3, leveldb, pebble } from '../../core/config/components/datastore.ts'
import {
  balanced,
  disk,
  ipfshttp,
  metrics,
  pinqueue,
  pubsubmon,
  stateless,
  tags,
  tracing,
} from '../../core/config/components/work.ts'
import { initialise } from '../../core/config/initialise.ts'
import {
  address,
  boolean,
  decimal,
  dictionary,
  dictionaryOfLists,
  duration,
  endpoint,
  integer,
  opaque,
  text,
} from '../../core/config/kind.ts'
import { type Component, type Setting, type SettingTree, variableOf } from '../../core/config/setting.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { initOptions } from '../unit/config/initialised-folder.ts'
import { describeWithGo } from './rig/describe-with-go.ts'

const components = [
  cluster,
  crdt,
  restapi,
  pinsvcapi,
  ipfsproxy,
  ipfshttp,
  stateless,
  pubsubmon,
  balanced,
  disk,
  tags,
  pinqueue,
  metrics,
  tracing,
] as unknown as Component[]
const datastores = { pebble, leveldb, badger, badger3 } as unknown as Record<string, Component>

/** Keys whose value depends on others, or must be of a form of its own. `undefined`: left alone. */
const chosen: Record<string, string | undefined> = {
  id: undefined,
  private_key: undefined,
  ssl_cert_file: undefined,
  ssl_key_file: undefined,
  libp2p_listen_multiaddress: undefined,
  basic_auth_credentials: undefined,
  // Ours.
  node_authorization: undefined,
  peerstore_file: undefined,
  secret: 'ab'.repeat(32),
  metric_type: 'reposize',
  high_water: '9000',
  low_water: '7',
  replication_factor_min: '3',
  replication_factor_max: '3',
  pin_only_on_untrusted_peers: 'false',
  format_major_version: '20',
  jaeger_agent_endpoint: '/ip4/1.2.3.4/udp/99',
  trusted_peers:
    '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5,QmPXF6gh72o9Jo4sb82MrTPapioBM1rVLodtL92781V8wH',
  flush_delay_delete_range: '1s',
  // The original reads it into another setting.
  flush_delay_range_key: undefined,
}

/** A value that is not the default, and another for each `number`. */
function valueFor(key: string, { kind, initial }: Setting<unknown>, number: number): string | undefined {
  if (key in chosen) return chosen[key]
  if (kind === opaque) return undefined
  if (kind === boolean) return initial ? '0' : 'T'
  if (kind === integer) return `0x${number.toString(16)}`
  if (kind === decimal) return '0.75'
  if (kind === duration) return `1h0m${number % 60}.5s`
  if (kind === text) return `v${number}`
  if (kind === dictionary) return 'a:b,c:d'
  if (kind === dictionaryOfLists) return 'X-A:b,X-C:d'
  if (kind === address || kind === endpoint || key.includes('address')) return `/ip4/10.0.0.1/tcp/${number}`
  return `p${number},q${number}`
}

function environmentOf(all: Component[]): Record<string, string> {
  const environment: Record<string, string> = {}
  let number = 5000
  const walk = (tree: SettingTree, prefix: string) => {
    for (const [key, each] of Object.entries(tree)) {
      if ('tree' in each) walk(each.tree, variableOf(prefix, key))
      else {
        const value = valueFor(key, each, ++number)
        if (value !== undefined) environment[variableOf(prefix, key)] = value
      }
    }
  }
  for (const { tree, environment: prefix } of all) walk(tree, prefix)
  return environment
}

await describeWithGo('a file that init writes under every variable', ({ path }) => {
  test.each(['pebble', 'leveldb', 'badger', 'badger3'] as const)(
    'is the same, with %s',
    async (datastore) => {
      await using theirs = await temporaryFolder()
      await using ours = await temporaryFolder()
      const environment = environmentOf([...components, datastores[datastore]!])
      expect(Object.keys(environment).length).toBeGreaterThan(110)
      const init = Bun.spawn([path['ipfs-cluster-service'], 'init', '--datastore', datastore], {
        env: { ...environment, HOME: theirs.path, IPFS_CLUSTER_PATH: theirs.path },
        stderr: 'pipe',
      })
      const errors = await new Response(init.stderr).text()
      expect(await init.exited, errors).toBe(0)
      await initialise(initOptions(ours.path, { environment, datastore }))
      const written = await Promise.all(
        [ours, theirs].map((folder) => readFile(`${folder.path}/service.json`, 'utf8')),
      )
      expect(written[0]).toBe(written[1]!)
    },
  )
})
