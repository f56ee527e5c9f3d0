/**
 * As much of Kubo's RPC API as a peer asks for, in this process and with no content: whatever is pinned is there at once.
 * For clusters whose pinset is looked at and not their content; it is cheap enough to have many, with many pins.
 */
import { generateKeyPairSync } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'

export class MockKubo implements Disposable {
  /** Peer ID as its `id` tells it. */
  readonly id = newPeerId()
  /** CID → `recursive` or `direct`. */
  readonly pins = new Map<string, string>()
  readonly #server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: (request) => this.#answer(new URL(request.url)),
  })

  /** Multiaddr of the RPC API. */
  get api(): string {
    return `/ip4/127.0.0.1/tcp/${this.#server.port}`
  }

  [Symbol.dispose](): void {
    this.#server.stop(true)
  }

  #answer({ pathname, searchParams: query }: URL): Response {
    const call = pathname.replace('/api/v0/', '')
    const args = query.getAll('arg').map((arg) => arg.replace(/^\/ipfs\//, ''))
    const [cid = ''] = args
    switch (call) {
      case 'id':
        return lines({ ID: this.id, Addresses: [`/ip4/127.0.0.1/tcp/9/p2p/${this.id}`] })
      case 'version':
        return lines({ Version: '0.42.0' })
      case 'repo/stat':
        return lines({ RepoSize: 1e6, StorageMax: 1e13 })
      case 'swarm/peers':
        return lines({ Peers: [] })
      case 'swarm/connect':
        return lines({ Strings: [] })
      case 'pin/ls':
        return this.#list(cid, query.get('type') ?? 'all')
      case 'pin/add':
        this.pins.set(cid, query.get('recursive') === 'false' ? 'direct' : 'recursive')
        return lines({ Pins: [cid] })
      case 'pin/rm':
        return this.pins.delete(cid) ? lines({ Pins: [cid] }) : failed('not pinned or pinned indirectly')
      case 'pin/update':
        this.pins.set(args[1]!, 'recursive')
        return lines({ Pins: args })
      default:
        return failed(`the mock does not know ${call}`)
    }
  }

  #list(cid: string, type: string): Response {
    const matches = (pinned: string) => type === 'all' || pinned === type
    if (cid === '') {
      const rows = [...this.pins].filter(([, pinned]) => matches(pinned))
      return lines(...rows.map(([Cid, Type]) => ({ Cid, Type })))
    }
    const pinned = this.pins.get(cid)
    return pinned !== undefined && matches(pinned)
      ? lines({ Cid: cid, Type: pinned })
      : failed(`path '/ipfs/${cid}' is not pinned`)
  }
}

function lines(...values: object[]): Response {
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join('')
  return new Response(text, { headers: { 'Content-Type': 'application/json' } })
}

function failed(Message: string): Response {
  return Response.json({ Message, Code: 0, Type: 'error' }, { status: 500 })
}

function newPeerId(): string {
  const { publicKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return base58btc.baseEncode(Uint8Array.of(0, 36, 8, 1, 18, 32, ...raw))
}
