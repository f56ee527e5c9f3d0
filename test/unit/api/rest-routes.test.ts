import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { NameError, PathNotFoundError, UnreadableNodeError } from '../../../core/ipfs/embedded/errors.ts'
import { IpfsInputError, IpfsRefusedError, IpfsUnreachableError } from '../../../core/ipfs/errors.ts'
import { InvalidPinError } from '../../../core/pin/errors.ts'
import type { GlobalPinInfo } from '../../../core/pin/pin-info.ts'
import { createMemoryService, pinnedAt, self } from './memory-service.ts'
import { RestRig } from './rest-rig.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'
const other = 'QmUgAgTVxq7UeY3Tbumz72fBsSvkUnveEgEkWvVquEvJVV'

describe('the peer', () => {
  test('says who it is, also when IPFS is down', async () => {
    await using rig = await RestRig.start()
    const { status, body, headers } = await rig.ask('/id')
    expect(status).toBe(200)
    expect(body).toBe(
      `{"id":"${self}","addresses":["/ip4/127.0.0.1/tcp/25701/p2p/${self}"],"cluster_peers":["${self}"],` +
        '"cluster_peers_addresses":[],"version":"1.1.6","commit":"","rpc_protocol_version":"/ipfscluster/1.0/rpc",' +
        '"error":"","ipfs":{"addresses":null,"error":"IPFS is down"},"peername":"peer1"}\n',
    )
    expect(headers['content-length']).toBe(String(body.length))
  })

  test('says the version of the original', async () => {
    await using rig = await RestRig.start()
    expect((await rig.ask('/version')).body).toBe('{"version":"1.1.6"}\n')
  })

  test('is healthy without a body', async () => {
    await using rig = await RestRig.start()
    const { status, body, headers } = await rig.ask('/health')
    expect([status, body, headers['content-type']]).toEqual([204, '', 'application/json'])
  })

  test('reports a collection by peer, with errors next to null keys', async () => {
    const removed = CID.parse(other)
    const repoGc = async () =>
      new Map([
        [self, { peerName: 'peer1', keys: [{ cid: removed }, { error: 'no <disk>' }], error: 'half' }],
      ])
    await using rig = await RestRig.start({}, { repoGc })
    expect((await rig.ask('/ipfs/gc', { method: 'POST' })).body).toBe(
      `{"peer_map":{"${self}":{"peer":"${self}","peername":"peer1",` +
        `"keys":[{"key":"${other}"},{"key":null,"error":"no \\u003cdisk\\u003e"}],"error":"half"}}}\n`,
    )
  })
})

describe('pinning', () => {
  test('answers with the pin as it was asked for', async () => {
    await using rig = await RestRig.start()
    const query = 'name=f%3C2&meta-a=b&replication-min=1&replication-max=1'
    const { status, body } = await rig.ask(`/pins/${cid}?${query}`, { method: 'POST' })
    expect(status).toBe(200)
    expect(body).toBe(
      '{"replication_factor_min":1,"replication_factor_max":1,"name":"f\\u003c2","mode":"recursive","shard_size":0,' +
        '"user_allocations":null,"expire_at":"0001-01-01T00:00:00Z","metadata":{"a":"b"},"pin_update":null,' +
        `"origins":null,"cid":"${cid}","type":"pin","allocations":["${self}"],"max_depth":-1,"reference":null,` +
        '"timestamp":"2026-11-23T00:42:31Z"}\n',
    )
  })

  test('honours mode=direct for a CID as for a path', async () => {
    await using rig = await RestRig.start()
    for (const path of [`/pins/${cid}`, `/pins/ipfs/${cid}`]) {
      const { body } = await rig.ask(`${path}?mode=direct`, { method: 'POST' })
      expect(JSON.parse(body)).toMatchObject({ mode: 'direct', max_depth: 0 })
    }
  })

  test('with a bad option is refused and has no effect', async () => {
    await using rig = await RestRig.start()
    for (const path of [`/pins/${cid}`, `/pins/ipfs/${cid}`]) {
      const { status, body } = await rig.ask(`${path}?expire-in=900ms`, { method: 'POST' })
      expect([status, body]).toEqual([400, '{"code":400,"message":"expire-in duration too short"}\n'])
    }
    expect(rig.service.changes).toEqual([])
  })

  test('is planned and not done with dry-run=true', async () => {
    await using rig = await RestRig.start()
    for (const path of [`/pins/${cid}`, `/pins/ipfs/${cid}`, `/pins/ipfs/${cid}/a/b`]) {
      const { body } = await rig.ask(`${path}?dry-run=true&name=n`, { method: 'POST' })
      expect(JSON.parse(body)).toMatchObject({ name: 'n', cid, allocations: [self] })
    }
    expect(rig.service.changes).toEqual([])
    expect((await rig.ask(`/pins/${cid}?dry-run=maybe`, { method: 'POST' })).status).toBe(400)
  })

  test('resolves a path unless it is a bare CID', async () => {
    const paths: string[] = []
    const service = createMemoryService()
    await using rig = await RestRig.start(
      {},
      {
        pinPath: (path, options) => {
          paths.push(path)
          return service.pin(CID.parse(cid), options)
        },
      },
    )
    for (const path of [`ipfs/${cid}`, `ipfs/${cid}/a%20b/%C3%BC`, 'ipns/example.org/x', `ipld/${cid}`]) {
      expect((await rig.ask(`/pins/${path}`, { method: 'POST' })).status).toBe(200)
    }
    expect(paths).toEqual([`/ipfs/${cid}/a b/ü`, '/ipns/example.org/x', `/ipld/${cid}`])
  })

  test('refuses what is no CID and no path', async () => {
    await using rig = await RestRig.start()
    const bad = await rig.ask('/pins/xx', { method: 'POST' })
    expect([bad.status, bad.body]).toEqual([
      400,
      '{"code":400,"message":"error decoding Cid: invalid cid: selected encoding not supported"}\n',
    ])
    const path = await rig.ask('/pins/ipfs/badcid/a.txt', { method: 'POST' })
    expect(path.status).toBe(400)
    expect(JSON.parse(path.body).message).toStartWith(
      'error parsing path: invalid path "/ipfs/badcid/a.txt": ',
    )
  })

  test('answers an unpin with the pin as it was stored, and 404 when there is none', async () => {
    await using rig = await RestRig.start()
    await rig.ask(`/pins/${cid}`, { method: 'POST' })
    const { status, body } = await rig.ask(`/pins/${cid}`, { method: 'DELETE' })
    expect(status).toBe(200)
    expect(body).toContain('"metadata":null,"pin_update":null,"origins":[]')
    for (const path of [`/pins/${cid}`, `/pins/ipfs/${cid}`]) {
      const gone = await rig.ask(path, { method: 'DELETE' })
      expect([gone.status, gone.body]).toEqual([
        404,
        '{"code":404,"message":"pin is not part of the pinset"}\n',
      ])
    }
  })

  test('of what the peer cannot be asked for is 4xx, so that nobody tries it again', async () => {
    const fail = (error: Error) => async () => {
      throw error
    }
    const call = { what: 'resolve', node: 'a node' }
    const errors: [number, Error][] = [
      [400, new InvalidPinError('cluster.replication_factor_min is larger than max')],
      [400, new IpfsInputError('the path is none', call)],
      [404, new IpfsInputError('no link', call, { cause: new PathNotFoundError('no link') })],
      [404, new IpfsRefusedError(call, 'no name', 'no name', { cause: new NameError('no name') })],
      [
        400,
        new IpfsRefusedError(call, 'not sound', 'not sound', {
          cause: new UnreadableNodeError(CID.parse(cid), 'not sound'),
        }),
      ],
      [
        404,
        new IpfsRefusedError(call, 'IPFS error: no link named "x" under Qm', 'no link named "x" under Qm'),
      ],
      [500, new IpfsRefusedError(call, 'the disk is gone', 'the disk is gone')],
      [500, new IpfsUnreachableError(call, 'it is down')],
    ]
    for (const [status, error] of errors) {
      await using rig = await RestRig.start({}, { pin: fail(error), pinPath: fail(error) })
      for (const path of [`/pins/${cid}`, `/pins/ipfs/${cid}/x`]) {
        const answer = await rig.ask(path, { method: 'POST' })
        expect([answer.status, JSON.parse(answer.body).message]).toEqual([status, error.message])
      }
    }
  })

  test('of a name that is none is 400, and what is told of it is short', async () => {
    await using rig = await RestRig.start(
      {},
      {
        pinPath: async () => {
          throw new Error('asked')
        },
      },
    )
    const bad = [
      '%00',
      '%22',
      '-1',
      'bafy',
      'a%20b.org',
      'x'.repeat(3_000),
      '..',
      'a..b',
      '.',
      '-a.org',
      `${'a.'.repeat(200)}org`,
    ]
    for (const name of bad) {
      for (const method of ['POST', 'DELETE']) {
        const { status, body } = await rig.ask(`/pins/ipns/${name}/x`, { method })
        // A path of dots leads elsewhere, where nothing is.
        expect([name.slice(0, 20), status]).toEqual([name.slice(0, 20), name.startsWith('.') ? 301 : 400])
        expect(body.length).toBeLessThan(500)
      }
    }
    for (const name of [
      'example.org',
      'a_b.example.org',
      'xn--bcher-kva.example',
      'b%C3%BCcher.example',
      'example.org.',
      'k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8',
      self,
    ]) {
      const { status, body } = await rig.ask(`/pins/ipns/${name}`, { method: 'POST' })
      expect([name, status, JSON.parse(body).message]).toEqual([name, 500, 'asked'])
    }
  })

  test('gives the text of a failure with status 500', async () => {
    const pin = async () => {
      throw new Error('cluster.replication_factor_min is larger than max')
    }
    await using rig = await RestRig.start({}, { pin })
    const { status, body } = await rig.ask(`/pins/${cid}`, { method: 'POST' })
    expect([status, body]).toEqual([
      500,
      '{"code":500,"message":"cluster.replication_factor_min is larger than max"}\n',
    ])
  })
})

describe('lists', () => {
  test('of nothing are 204', async () => {
    await using rig = await RestRig.start()
    for (const path of ['/allocations', '/pins', '/allocations?filter=', '/pins?filter=&cids=&local=false']) {
      const { status, body, headers } = await rig.ask(path)
      expect([path, status, body, headers['content-type']]).toEqual([path, 204, '', 'application/json'])
    }
    expect((await rig.ask('/pins/recover', { method: 'POST' })).status).toBe(204)
  })

  test('come a row a line, with an empty trailer at the end', async () => {
    await using rig = await RestRig.start()
    await rig.ask(`/pins/${cid}?name=n1&meta-k=v`, { method: 'POST' })
    await rig.ask(`/pins/${other}`, { method: 'POST' })
    const { status, body, headers, trailers } = await rig.ask('/allocations')
    expect(status).toBe(200)
    expect(headers).toMatchObject({ trailer: 'X-Stream-Error', 'transfer-encoding': 'chunked' })
    expect(trailers).toEqual([['X-Stream-Error', '']])
    const rows = body.trimEnd().split('\n')
    expect(rows.map((row) => JSON.parse(row).cid)).toEqual([cid, other])
    expect(rows[0]).toContain('"metadata":{"k":"v"},"pin_update":null,"origins":[],')
  })

  test('of statuses have one entry a peer', async () => {
    await using rig = await RestRig.start()
    await rig.ask(`/pins/${cid}?name=n1&meta-k=v`, { method: 'POST' })
    expect((await rig.ask('/pins?filter=pinned,nonsense')).body).toBe(
      `{"cid":"${cid}","name":"n1","allocations":[],"origins":[],"created":"2026-11-23T00:42:31Z",` +
        `"metadata":{"k":"v"},"peer_map":{"${self}":{"peername":"peer1","ipfs_peer_id":"12D3KooWGCoc",` +
        '"status":"pinned","timestamp":"2026-11-23T00:42:31Z","error":"","attempt_count":0,"priority_pin":false}}}\n',
    )
    expect((await rig.ask('/pins?filter=error,queued')).status).toBe(204)
  })

  test('refuse a filter of unknown names only', async () => {
    await using rig = await RestRig.start()
    for (const path of ['/allocations?filter=x', '/pins?filter=unexpected_unpinned']) {
      const { status, body } = await rig.ask(path)
      expect([status, body]).toEqual([400, '{"code":400,"message":"invalid filter value"}\n'])
    }
    expect((await rig.ask('/allocations?filter=x,pin')).status).toBe(204)
  })

  test('of named CIDs ask for each, pinned or not, and pass over the filter', async () => {
    await using rig = await RestRig.start()
    const { body } = await rig.ask(`/pins?cids=${cid},${other}&filter=bogus`)
    const rows = body.trimEnd().split('\n')
    expect(rows.map((row) => JSON.parse(row).cid).sort()).toEqual([other, cid])
    expect(JSON.parse(rows[0]!)).toMatchObject({ origins: null, metadata: null })
    expect((await rig.ask(`/pins?cids=${cid},xx`)).status).toBe(400)
  })

  test('of named CIDs come in the order of the answers, some at a time', async () => {
    const slow = Promise.withResolvers<void>()
    const { status } = createMemoryService()
    let atOnce = 0
    let most = 0
    await using rig = await RestRig.start(
      { maxHeaderBytes: 65_536 },
      {
        async status(asked, options) {
          most = Math.max(most, ++atOnce)
          if (asked.toString() === cid) await slow.promise
          else await Bun.sleep(0)
          atOnce--
          if (asked.toString() !== cid && most > 1) slow.resolve()
          return status(asked, options)
        },
      },
    )
    const { body } = await rig.ask(`/pins?cids=${[cid, ...Array(100).fill(other)].join(',')}`)
    const rows = body.trimEnd().split('\n')
    expect(rows).toHaveLength(101)
    expect(JSON.parse(rows[0]!).cid).toBe(other)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(16)
  })

  test('answer an error before the first row with a status, and one after it in the trailer', async () => {
    const failing = (rows: number) =>
      async function* (): AsyncGenerator<GlobalPinInfo> {
        for (let row = 0; row < rows; row++) {
          const info = {
            cid: CID.parse(cid),
            name: '',
            allocations: [],
            created: pinnedAt,
            peerMap: new Map(),
          }
          yield info
        }
        throw new Error('the disk – it is\ngone')
      }
    {
      await using rig = await RestRig.start({}, { statusAll: failing(0) })
      const { status, body, trailers } = await rig.ask('/pins')
      expect([status, JSON.parse(body), trailers]).toEqual([
        500,
        { code: 500, message: 'the disk – it is\ngone' },
        [],
      ])
    }
    await using rig = await RestRig.start({}, { statusAll: failing(2) })
    const { status, body, trailers } = await rig.ask('/pins')
    expect([status, body.trimEnd().split('\n').length]).toEqual([200, 2])
    expect(trailers.map(([name, value]) => [name, Buffer.from(value, 'latin1').toString()])).toEqual([
      ['X-Stream-Error', 'the disk – it is gone'],
    ])
  })

  test('pass on the local flag only when it is exactly true', async () => {
    const seen: boolean[] = []
    const { statusAll } = createMemoryService()
    await using rig = await RestRig.start(
      {},
      {
        statusAll(filter, options) {
          seen.push(options.local)
          return statusAll(filter, options)
        },
      },
    )
    for (const local of ['true', 'TRUE', '1', 'false', '']) await rig.ask(`/pins?local=${local}`)
    expect(seen).toEqual([true, false, false, false, false])
  })
})
