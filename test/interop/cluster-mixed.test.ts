/**
 * One cluster of two peers of the original, two of ours and a follower of ours. Real Kubo beside both of the original and one
 * of ours; the other two have their own IPFS nodes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import type { ConnectGraphObject } from '../../core/client/shapes.ts'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import { addFile, newBytes, statuses, statusesOf } from './rig/content.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { KuboNode } from './rig/kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { removeFolder, temporaryFolder } from './rig/processes.ts'
import { eventually, formCluster, membersOf, samePins, startAll, withLogs } from './rig/test-cluster.ts'

const timeout = 120_000
const full = ['go1', 'go2', 'ours1', 'ours2'] as const
const names = [...full, 'follower'] as const
type Name = (typeof names)[number]

/** One of each implementation; what they say about the cluster must be the same. */
const askedBoth = ['go1', 'ours2'] as const

await describeWithGo('a cluster of both implementations', ({ path }) => {
  describe.skipIf(!hasExecutable)(`two of the original, two of ours, a follower${whyMissing}`, () => {
    const stack = new AsyncDisposableStack()
    const peers = {} as Record<Name, ClusterPeer>
    const kubos = {} as Record<'go1' | 'go2' | 'ours1', KuboNode>
    /** CIDs of content that lies, unpinned, on the Kubo of the first peer. */
    let content: string[]

    beforeAll(async () => {
      for (const name of ['go1', 'go2', 'ours1'] as const)
        kubos[name] = stack.use(await KuboNode.start({ program: path.ipfs }))
      peers.go1 = stack.use(await GoPeer.create({ path, ipfs: kubos.go1.api }))
      peers.go2 = stack.use(await GoPeer.create({ path, ipfs: kubos.go2.api }))
      peers.ours1 = stack.use(await OurPeer.create({ ipfs: kubos.ours1.api }))
      peers.ours2 = stack.use(await OurPeer.create())
      peers.follower = stack.use(await OurPeer.create())
      formCluster(all(), {
        trusted: full.map((name) => peers[name].id),
        configure(service, peer) {
          service.cluster.peername = names.find((name) => peers[name] === peer)
          // Longer than a node that was started again takes to be connected.
          service.ipfs_connector.ipfshttp.pin_timeout = '4s'
          if (peer === peers.follower) service.cluster.follower_mode = true
        },
      })
      await withLogs(all(), () => startAll(all()))
      content = await unpinned(kubos.go1, 12)
    }, timeout)
    afterAll(() => stack.disposeAsync(), timeout)

    const all = () => names.map((name) => peers[name])
    const others = (name: Name) => full.filter((other) => other !== name).map((other) => peers[other])
    const onAll = (status: string) => Object.fromEntries(names.map((name) => [name, status]))
    const sayAll = (cid: string, expected: Record<string, string>) =>
      Promise.all(
        askedBoth.map(async (name) => {
          let said = {}
          await eventually(
            () => `${name} says of ${cid} ${JSON.stringify(expected)}; it says ${JSON.stringify(said)}`,
            async () => Bun.deepEquals((said = await statuses(peers[name], cid)), expected),
          )
        }),
      )
    const check = (name: string, run: () => Promise<void>) => test(name, () => withLogs(all(), run), timeout)

    check('every peer lists all peers with their IPFS nodes', async () => {
      const lists: Record<string, unknown>[] = []
      for (const peer of all()) {
        const listed = await Array.fromAsync(peer.client.peers())
        const rows = listed.map(
          ({ id, peername, error, ipfs, version, rpc_protocol_version, addresses }): [string, object] => {
            expect(addresses).toContain(all().find((each) => each.id === id)!.address)
            return [
              peername,
              { id, error, version, rpc: rpc_protocol_version, ipfs: ipfs.id, why: ipfs.error },
            ]
          },
        )
        lists.push(Object.fromEntries(rows))
      }
      expect(Object.keys(lists[0]!).sort()).toEqual([...names].sort())
      for (const list of lists) expect(list).toEqual(lists[0]!)
    })

    for (const name of full) {
      check(`content added through ${name} is pinned by all`, async () => {
        const bytes = newBytes(700_000)
        const cid = await addFile(peers[name], bytes, { name: `through ${name}` })
        await sayAll(cid, onAll('pinned'))
        for (const kubo of Object.values(kubos))
          expect(await kubo.ipfs('pin', 'ls', '--type=recursive', cid)).toContain(cid)
        const read = await fetch(`${(peers.follower as OurPeer).gateway}/ipfs/${cid}`)
        expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes)
      })
    }

    check('content for two peers goes to the two that were asked for', async () => {
      const wanted = [peers.go2.id, peers.ours2.id].sort()
      const options = { replicationFactorMin: 2, replicationFactorMax: 2, userAllocations: wanted }
      for (const name of askedBoth) {
        const cid = await addFile(peers[name], newBytes(300_000), options)
        await samePins('the add', all(), contains(cid))
        const { allocations } = await peers.follower.client.allocation(cid)
        expect([...(allocations ?? [])].sort()).toEqual(wanted)
        await sayAll(cid, { ...onAll('remote'), go2: 'pinned', ours2: 'pinned' })
      }
    })

    check('pins, updates and unpins through any peer reach all', async () => {
      for (const [index, name] of full.entries()) {
        const [first, second] = [content[2 * index]!, content[2 * index + 1]!]
        const { client } = peers[name]
        await client.pin(first, { name: `by ${name}`, metadata: { by: name, 'ü & <': '"' } })
        await samePins(`the pin by ${name}`, all(), contains(first, `by ${name}`))
        const [next] = others(name)
        await next!.client.pinUpdate(CID.parse(first), second, { name: `updated after ${name}` })
        await samePins(`the update after ${name}`, all(), contains(second, `updated after ${name}`))
        await sayAll(second, onAll('pinned'))
        await others(name).at(-1)!.client.unpin(first)
        await samePins(`the unpin after ${name}`, all(), (lines) => !contains(first)(lines))
        await sayAll(first, onAll('unpinned'))
      }
    })

    check('what cannot be had fails on all, is told by either, and recovers through either', async () => {
      const texts = ['missing 1', 'missing 2']
      const missing = await Promise.all(
        texts.map((text) => kubos.go1.add(new TextEncoder().encode(text), '--only-hash')),
      )
      for (const cid of missing) await peers.go2.client.pin(cid)
      for (const cid of missing) await sayAll(cid, onAll('pin_error'))
      for (const text of texts) await kubos.ours1.add(new TextEncoder().encode(text))
      for (const [index, name] of askedBoth.entries()) {
        const recovered = await peers[name].client.recover(missing[index]!)
        expect(Object.keys(statusesOf(recovered))).toEqual([...names].sort())
        await sayAll(missing[index]!, onAll('pinned'))
      }
    })

    check('all that failed recovers on all peers through either', async () => {
      for (const name of askedBoth) {
        const text = `missing until ${name} recovers all`
        const cid = await kubos.go1.add(new TextEncoder().encode(text), '--only-hash')
        await peers.ours1.client.pin(cid)
        await sayAll(cid, onAll('pin_error'))
        await kubos.ours1.add(new TextEncoder().encode(text))
        const recovered = await Array.fromAsync(peers[name].client.recoverAll())
        const row = recovered.find((each) => each.cid === cid)
        expect(Object.keys(statusesOf(row!))).toEqual([...names].sort())
        await sayAll(cid, onAll('pinned'))
      }
    })

    check('a follower refuses to write, and nothing changes', async () => {
      const before = await samePins('before', all())
      const { client } = peers.follower
      const refused = 'this peer is configured to be in follower mode. Write operations are disabled'
      const pinned = JSON.parse(before[0]!).cid
      for (const write of [
        () => client.pin(content.at(-1)!),
        () => client.unpin(pinned),
        () => client.pinUpdate(CID.parse(pinned), content.at(-1)!),
        () => addFile(peers.follower, newBytes(1_000)),
      ]) {
        const failure = await write().then(
          () => 'nothing failed',
          (error: Error) => error.message,
        )
        expect(failure).toContain(refused)
      }
      expect(await samePins('after', all())).toEqual(before)
    })

    check('the status of all pins is the same from either', async () => {
      const listed = await Promise.all(
        askedBoth.map(async (name) => {
          const reports = await Array.fromAsync(peers[name].client.statusAll())
          return reports.map((report) => [report.cid, statusesOf(report)] as const).sort(byCid)
        }),
      )
      expect(listed[0]!.length).toBeGreaterThan(10)
      expect(listed[1]!).toEqual(listed[0]!)
      // Peers of ours gave theirs by page, in the order of CIDs.
      const traffic = (await peers.ours2.client.bandwidth())['/ipfscluster/pages/1.0.0']!
      expect(traffic.total_in).toBeGreaterThan(listed[1]!.length * 2 * 36)
    })

    check('the graph of connections is the same from either, and complete', async () => {
      let graphs: Graph[] = []
      await eventually(
        () => `all are connected with all: ${JSON.stringify(graphs)}`,
        async () => {
          graphs = await Promise.all(
            askedBoth.map(async (name) => graphOf(await peers[name].client.connectGraph())),
          )
          return graphs.every(isComplete) && Bun.deepEquals(graphs[0], graphs[1])
        },
      )
    })

    for (const name of names) {
      check(`${name}, killed and started again, catches up`, async () => {
        const [writer, unpinner] = others(name)
        const [{ cid: doomed }] = (await samePins('before', all())).map((line) => JSON.parse(line))
        await peers[name].kill()
        const cid = await addFile(writer!, newBytes(10_000), { name: `while ${name} was dead` })
        await unpinner!.client.unpin(doomed)
        await peers[name].start()
        await membersOf(all(), all())
        await samePins(`${name} is back`, all(), (lines) => contains(cid)(lines) && !contains(doomed)(lines))
        await sayAll(cid, onAll('pinned'))
        await sayAll(doomed, onAll('unpinned'))
      })
    }

    check('all export the same', async () => {
      const lines = await samePins('at the end', all())
      for (const peer of all()) {
        await peer.stop()
        expect(await peer.exportState()).toEqual(lines)
      }
    })
  })
})

/** Some small files on a Kubo that does not pin them. */
async function unpinned(kubo: KuboNode, count: number): Promise<string[]> {
  const folder = temporaryFolder('content')
  try {
    mkdirSync(join(folder, 'files'))
    for (let index = 0; index < count; index++)
      writeFileSync(join(folder, 'files', `${index}`), newBytes(2_000))
    const added = await kubo.ipfs(
      'add',
      '-r',
      '--pin=false',
      '--quiet',
      '--cid-version=1',
      join(folder, 'files'),
    )
    return added.trim().split('\n').slice(0, count)
  } finally {
    removeFolder(folder)
  }
}

const byCid = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)

interface Graph {
  /** Name of a peer → names of those that it knows, and of those whose IPFS nodes its own is connected to. */
  cluster: Record<string, string[]>
  ipfs: Record<string, string[]>
}

function graphOf({ id_to_peername, cluster_links, ipfs_links, cluster_to_ipfs }: ConnectGraphObject): Graph {
  const names: Record<string, string> = { ...id_to_peername }
  for (const [id, ipfs] of Object.entries(cluster_to_ipfs ?? {})) names[ipfs] = names[id]!
  const named = (links: Record<string, string[] | null> | null) =>
    Object.fromEntries(
      Object.entries(links ?? {})
        // Kubo names a peer once for each connection.
        .map(([from, to]): [string, string[]] => [
          names[from]!,
          [...new Set(to)].map((id) => names[id]!).sort(),
        ])
        .sort(),
    )
  return { cluster: named(cluster_links), ipfs: named(ipfs_links) }
}

function isComplete({ cluster, ipfs }: Graph): boolean {
  return [cluster, ipfs].every((links) =>
    names.every((name) => Bun.deepEquals(links[name], names.filter((other) => other !== name).sort())),
  )
}

/** Whether lines have a pin of this CID, and of this name. */
function contains(cid: string, name?: string): (lines: string[]) => boolean {
  return (lines) =>
    lines
      .map((line) => JSON.parse(line))
      .some((pin) => pin.cid === cid && (name === undefined || pin.name === name))
}
