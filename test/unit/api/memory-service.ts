/** A peer that holds its pins in a map and the blocks of its adds in another: enough for the API to have something to say. */
import { CID } from 'multiformats/cid'
import { createAdder } from '../../../core/adder/adder.ts'
import type { PeerService } from '../../../core/api/peer-service.ts'
import { PinNotFoundError } from '../../../core/pin/errors.ts'
import type { Pin, PinOptions } from '../../../core/pin/pin.ts'
import type { GlobalPinInfo, PeerIdentity } from '../../../core/pin/pin-info.ts'
import { matchesStatus } from '../../../core/pin/status.ts'
import { silentLogger } from './silent-runtime.ts'

export const self = '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'
/** 2026-11-23T00:42:31Z */
export const pinnedAt = 1795394551n * 1_000_000_000n

export const identity: PeerIdentity = {
  id: self,
  addresses: [`/ip4/127.0.0.1/tcp/25701/p2p/${self}`],
  clusterPeers: [self],
  clusterPeersAddresses: [],
  version: '1.1.6',
  commit: '',
  rpcProtocolVersion: '/ipfscluster/1.0/rpc',
  error: '',
  ipfs: { id: '', addresses: [], error: 'IPFS is down' },
  peerName: 'peer1',
}

export interface MemoryService extends PeerService {
  pins: Map<string, Pin>
  /** Bytes of every block that an add stored. */
  blocks: Map<string, Uint8Array>
  /** Calls that change something, in order. */
  changes: string[]
}

export function createMemoryService(overrides: Partial<PeerService> = {}): MemoryService {
  const pins = new Map<string, Pin>()
  const blocks = new Map<string, Uint8Array>()
  const changes: string[] = []
  const found = (cid: CID) => {
    const pin = pins.get(cid.toString())
    if (!pin) throw new PinNotFoundError()
    return pin
  }
  const plan = (cid: CID, options: PinOptions): Pin => ({
    ...options,
    cid,
    type: 'data',
    allocations: [self],
    maxDepth: options.mode === 'direct' ? 0 : -1,
    timestamp: pinnedAt,
  })
  const pin = async (cid: CID, options: PinOptions) => {
    changes.push(`pin ${cid}`)
    pins.set(cid.toString(), plan(cid, options))
    return found(cid)
  }
  const status = async (cid: CID): Promise<GlobalPinInfo> => infoOf(cid, pins.get(cid.toString()))
  const resolved = (path: string) => CID.parse(path.split('/')[2]!)
  const adder = createAdder({
    self,
    allocate: async () => [self],
    sinkFor: () => ({
      async put(incoming) {
        for await (const { cid, bytes } of incoming) blocks.set(cid.toString(), bytes)
      },
    }),
    pin,
    logger: silentLogger,
  })
  return {
    pins,
    blocks,
    changes,
    version: '1.1.6',
    identity: async () => identity,
    async *peers() {
      yield identity
    },
    addPeer: async (peer) => ({ ...identity, id: peer, clusterPeers: [peer, self] }),
    async removePeer() {
      throw new Error('crdt consensus component cannot remove peers')
    },
    connectGraph: async () => ({
      clusterId: self,
      peerNames: new Map(),
      ipfsLinks: new Map(),
      clusterLinks: new Map(),
      trust: new Map(),
      ipfsIds: new Map(),
    }),
    alerts: () => [],
    bandwidth: () => new Map(),
    metricNames: () => [],
    metrics: () => [],
    pin,
    pinPath: (path, options) => pin(resolved(path), options),
    async unpin(cid) {
      const before = found(cid)
      changes.push(`unpin ${cid}`)
      pins.delete(cid.toString())
      return before
    },
    async unpinPath(path) {
      return this.unpin(resolved(path))
    },
    planPin: async (cid, options) => plan(cid, options),
    planPinPath: async (path, options) => plan(resolved(path), options),
    allocation: async (cid) => found(cid),
    async *allocations(types) {
      for (const each of pins.values()) if (!types || types.includes(each.type)) yield each
    },
    status,
    async *statusAll(filter) {
      for (const each of pins.values()) {
        const info = await status(each.cid)
        if ([...info.peerMap.values()].some((peer) => matchesStatus(peer.status, filter))) yield info
      }
    },
    recover: status,
    async *recoverAll() {},
    add: (parts, parameters, options) => adder.add(parts, parameters, options),
    repoGc: async () => new Map([[self, { peerName: 'peer1', keys: [] }]]),
    ...overrides,
  }
}

function infoOf(cid: CID, pin: Pin | undefined): GlobalPinInfo {
  const info: GlobalPinInfo = {
    cid,
    name: pin?.name ?? '',
    allocations: [],
    created: pinnedAt,
    peerMap: new Map([
      [
        self,
        {
          peerName: 'peer1',
          ipfsPeerId: '12D3KooWGCoc',
          ipfsPeerAddresses: [],
          status: pin ? 'pinned' : 'unpinned',
          timestamp: pinnedAt,
          error: '',
          attemptCount: 0,
          priorityPin: false,
        },
      ],
    ]),
  }
  if (pin) {
    info.origins = pin.origins
    info.metadata = pin.metadata
  }
  return info
}
