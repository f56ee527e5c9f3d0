/** The network of a peer of ours, with its store, among peers of the original. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rpc } from '../../core/network/rpc/methods.ts'
import type { AnyHandler } from '../../core/network/rpc/server.ts'
import { goJson } from '../../core/pin/go-json.ts'
import { pinToJson } from '../../core/pin/json.ts'
import { eventually, type NetworkPeer, startNetworkPeer } from '../support/network-peer.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { cidOf, pinOf } from '../unit/store/fixtures.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { KuboNode } from './rig/kubo.ts'

const clusterName = 'interop'

/** What a peer must answer to be joined (`spec/wire.md` §1.9). */
function joinable({ id }: { id: string }): AnyHandler[] {
  const identity = async () => ({ i: id, v: '1.1.6', rv: '/ipfscluster/1.0/rpc', pn: 'ours' })
  return [
    { method: rpc.id, handle: identity },
    {
      method: rpc.idStream,
      handle: async function* () {
        yield await identity()
      },
    },
    { method: rpc.peerAdd, handle: identity },
  ]
}

await describeWithGo('our network and peers of the original', ({ path }) => {
  let stack: AsyncDisposableStack
  let kubo: KuboNode

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    kubo = stack.use(await KuboNode.start({ program: path.ipfs }))
  }, caseTimeout)
  afterAll(() => stack.disposeAsync(), caseTimeout)

  const original = async () =>
    await GoPeer.create({
      path,
      ipfs: kubo.api,
      configure(service) {
        service.consensus.crdt.cluster_name = clusterName
        service.consensus.crdt.rebroadcast_interval = '2s'
        service.cluster.pubsub = { ...service.cluster.pubsub, heartbeat_interval: '1s' }
      },
    })
  const ours = async (go: GoPeer, init: { peerAddresses?: string[]; folder?: string } = {}) =>
    await startNetworkPeer({
      handlers: joinable,
      settings: {
        clusterName,
        secret: go.config.cluster.secret,
        peerAddresses: init.peerAddresses ?? [],
        rebroadcastInterval: 2_000,
      },
      ...(init.folder && { folder: init.folder }),
    })
  const pinOnOriginal = (go: GoPeer, text: string, name = text) =>
    go.ctl('pin', 'add', '--no-status', '--name', name, cidOf(text).toString())

  for (const direction of ['ours to it', 'it to ours'] as const) {
    test(
      `pins of either reach the other when ${direction} is the connection`,
      async () => {
        await using go = await original()
        await using peer = await ours(go, direction === 'ours to it' ? { peerAddresses: [go.address] } : {})
        await go.start(direction === 'ours to it' ? {} : { bootstrap: [peer.address] })
        if (direction === 'ours to it') await peer.network.connect(go.id)
        await eventually('connected', () => peer.network.connectedPeers().includes(go.id))
        await peer.store.write([{ kind: 'pin', pin: pinOf('ours') }])
        await pinOnOriginal(go, 'its')
        await expectEqual(go, peer, 2)
        await peer.store.write([{ kind: 'unpin', cid: cidOf('its') }])
        await expectEqual(go, peer, 1)
      },
      caseTimeout,
    )
  }

  test(
    'writes of the same CIDs before they met end in the same winners',
    async () => {
      await using go = await original()
      await using peer = await ours(go)
      await go.start()
      for (let round = 0; round < 4; round++) {
        for (const text of ['a', 'b', 'c'].slice(0, 1 + (round % 3))) {
          await pinOnOriginal(go, text, `its ${round}`)
          await peer.store.write([{ kind: 'pin', pin: pinOf(text, { name: `ours ${round}` }) }])
        }
      }
      await peer.store.write([{ kind: 'unpin', cid: cidOf('b') }])
      await go.ctl('pin', 'rm', '--no-status', cidOf('c').toString())
      await pinOnOriginal(go, 'd')
      peer.network.addPeerAddresses([go.address], 'test')
      await peer.network.connect(go.id)
      // Unpins reach only what their writer knew of.
      await expectEqual(go, peer, 4)
    },
    caseTimeout,
  )

  test(
    'each catches up after it was killed or stopped',
    async () => {
      await using go = await original()
      await using folder = await temporaryFolder()
      await go.start()
      const first = await ours(go, { peerAddresses: [go.address], folder: folder.path })
      await first.network.connect(go.id)
      await pinOnOriginal(go, 'first')
      await eventually('the first pin', () => first.store.counts().pins === 1, 20_000)
      await go.kill()
      for (let index = 0; index < 30; index++)
        await first.store.write([{ kind: 'pin', pin: pinOf(`while it was dead ${index}`) }])
      await go.start()
      await expectEqual(go, first, 31)
      await first[Symbol.asyncDispose]()
      for (let index = 0; index < 5; index++) await pinOnOriginal(go, `while ours was stopped ${index}`)
      await using second = await startNetworkPeer({
        handlers: joinable,
        privateKey: first.privateKey,
        folder: folder.path,
        peerstore: first.network.peerstoreLines(),
        settings: { clusterName, secret: go.config.cluster.secret, rebroadcastInterval: 2_000 },
      })
      await expectEqual(go, second, 36)
    },
    caseTimeout,
  )
})

/** Both list the same pins, byte for byte, and `count` of them. */
async function expectEqual(go: GoPeer, peer: NetworkPeer, count: number): Promise<void> {
  const linesOfOurs = () => {
    const { rows } = peer.store.pins({ limit: 1000 })
    return rows.map((pin) => goJson(pinToJson(pin, 'stored'))).sort()
  }
  let its: string[] = []
  await eventually(
    `${count} equal pins`,
    async () => {
      its = await go.pins()
      return its.length === count && Bun.deepEquals(linesOfOurs(), its)
    },
    30_000,
  ).catch(() => undefined)
  expect(linesOfOurs()).toEqual(its)
  expect(its).toHaveLength(count)
}
