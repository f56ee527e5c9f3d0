/** Files that both programs read: the configuration, the identity, the peerstore, and exported pinsets. */
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { loadIdentity } from '../../core/config/identity.ts'
import { datastoreNames, type InitOptions, initialise } from '../../core/config/initialise.ts'
import { loadConfig } from '../../core/config/load.ts'
import { goJson } from '../../core/pin/go-json.ts'
import { parsePinText, pinToJson } from '../../core/pin/json.ts'
import { defaultPinOptions } from '../../core/pin/options.ts'
import type { Pin } from '../../core/pin/pin.ts'
import { systemRandom } from '../../core/runtime/system.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { KuboNode } from './rig/kubo.ts'

const second = 1_000_000_000n
const peers = [
  '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  'QmXZrtE5jQwXNqCJMfHUTQkvhQ4ZAnqMnmzFMJfLewuabc',
]

function initOptions(folder: string, options: Partial<InitOptions> = {}): InitOptions {
  return {
    folder,
    environment: {},
    random: systemRandom,
    datastore: 'pebble',
    peers: [],
    randomPorts: true,
    ipfs: 'kubo',
    force: false,
    ...options,
  }
}

await describeWithGo('the original', ({ path }) => {
  test(
    'starts a peer from the files of a new peer of ours',
    async () => {
      await using folder = await temporaryFolder()
      await using node = await KuboNode.start({ program: path.ipfs })
      const peer = `/ip4/127.0.0.1/tcp/1/p2p/${peers[0]}`
      const { id } = await initialise(initOptions(folder.path, { peers: [peer] }))
      onLoopback(folder.path, node.api)
      await using goPeer = await GoPeer.create({ path, folder: folder.path })
      await goPeer.start()
      const answer = (await (await fetch(`${goPeer.restUrl}/id`)).json()) as {
        id: string
        ipfs: { id: string }
      }
      expect(answer.id).toBe(id)
      expect(answer.ipfs.id).toBe(JSON.parse(await node.ipfs('id')).ID)
      expect(goPeer.config.consensus.crdt.trusted_peers).toEqual([peers[0]])
      await goPeer.stop()
      // The original writes its peerstore when it stops: what it had read is still there.
      expect(readFileSync(join(folder.path, 'peerstore'), 'utf8')).toContain(peer)
    },
    caseTimeout,
  )

  test(
    'takes the files of every kind of new peer',
    async () => {
      const kinds = [...datastoreNames.map((datastore) => ({ datastore })), { ipfs: 'embedded' as const }]
      for (const kind of kinds) {
        await using folder = await temporaryFolder()
        await initialise(initOptions(folder.path, kind))
        await using peer = await GoPeer.create({ path, folder: folder.path })
        const exported = join(folder.path, 'pins.json')
        await peer.service('state', 'export', '-f', exported)
        expect(readFileSync(exported, 'utf8'), JSON.stringify(kind)).toBe('')
      }
    },
    caseTimeout,
  )

  test(
    'writes files that are read here without a warning',
    async () => {
      for (const datastore of datastoreNames) {
        await using peer = await GoPeer.create({ path, init: ['--datastore', datastore] })
        const { config, warnings } = await loadConfig(peer.folder, {})
        expect(warnings).toEqual([])
        expect(config.cluster.secret).toBe(peer.config.cluster.secret)
        expect((await loadIdentity(peer.folder, {})).identity.id).toBe(peer.id)
      }
    },
    caseTimeout,
  )

  test(
    'imports pins written here, and its export is read here: nothing changes on the way',
    async () => {
      await using peer = await GoPeer.create({ path })
      const [ours, theirs] = [join(peer.folder, 'ours.json'), join(peer.folder, 'theirs.json')]
      const text = somePins()
        .map((pin) => `${goJson(pinToJson(pin, 'stored'))}\n`)
        .sort()
      writeFileSync(ours, text.join(''))
      await peer.service('state', 'import', '-f', ours)
      await peer.service('state', 'export', '-f', theirs)
      const exported = readFileSync(theirs, 'utf8').trimEnd().split('\n')
      expect(exported.map((line) => `${line}\n`).sort()).toEqual(text)
      const read = exported.map((line) => parsePinText(line)).sort((a, b) => (a.name < b.name ? -1 : 1))
      expect(read).toEqual(somePins().sort((a, b) => (a.name < b.name ? -1 : 1)))
    },
    caseTimeout,
  )
})

/** Sets what `init` has no flag for: no mDNS, listening on loopback only, this Kubo. */
function onLoopback(folder: string, ipfs: string): void {
  const file = join(folder, 'service.json')
  const service = JSON.parse(readFileSync(file, 'utf8'))
  service.cluster.mdns_interval = '0s'
  service.cluster.listen_multiaddress = service.cluster.listen_multiaddress
    .filter((address: string) => address.includes('/tcp/'))
    .map((address: string) => address.replace('0.0.0.0', '127.0.0.1'))
  service.ipfs_connector.ipfshttp.node_multiaddress = ipfs
  service.api.ipfsproxy.node_multiaddress = ipfs
  writeFileSync(file, JSON.stringify(service, undefined, 2))
}

/** One pin of each option. */
function somePins(): Pin[] {
  const base = (cid: string, options: Partial<Pin> = {}): Pin => ({
    ...defaultPinOptions(),
    replicationFactorMin: -1,
    replicationFactorMax: -1,
    cid: CID.parse(cid),
    type: 'data',
    allocations: [],
    maxDepth: -1,
    timestamp: 1_700_000_000n * second,
    ...options,
  })
  return [
    base('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq', { name: 'everywhere' }),
    base('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi', {
      name: 'some <peers> & "Grüße" \u2028',
      replicationFactorMin: 1,
      replicationFactorMax: 2,
      allocations: peers,
      expireAt: 4_000_000_000n * second,
      metadata: { b: '2', a: 'ä', '': 'no key' },
      origins: [`/ip4/192.0.2.1/tcp/4001/p2p/${peers[0]}`],
      pinUpdate: CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'),
    }),
    base('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', {
      name: 'direct',
      mode: 'direct',
      maxDepth: 0,
    }),
    base('bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb2dzqwfvae', {
      name: 'a shard',
      type: 'shard',
      maxDepth: 1,
      shardSize: 2n ** 40n,
      reference: CID.parse('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua'),
    }),
  ]
}
