import { describe, expect, test } from 'bun:test'
import type { Metric } from '../../../core/monitor/metric.ts'
import { self } from './memory-service.ts'
import { RestRig } from './rest-rig.ts'

const other = '12D3KooWBEwvYc1eMRPmiF2HfVbVtnTBJUuDwGStJmLjSk9kSLJ6'

const ping: Metric = {
  name: 'ping',
  peer: other,
  value: '{"peer_name":"peer2"}',
  expire: 1795394830734429352n,
  valid: true,
  weight: 0,
  partitionable: false,
  receivedAt: 1795394826734865373n,
}

const pingJson =
  `"name":"ping","peer":"${other}","value":"{\\"peer_name\\":\\"peer2\\"}","expire":1795394830734429352,` +
  '"valid":true,"weight":0,"partitionable":false,"received_at":1795394826734865373'

describe('peers', () => {
  const post = (body: string) => ({ method: 'POST', body })

  test('are added by their ID, and the answer is who they are', async () => {
    await using rig = await RestRig.start()
    const { status, body } = await rig.ask('/peers', post(JSON.stringify({ peer_id: other })))
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ id: other, cluster_peers: [other, self], peername: 'peer1' })
  })

  test.each([
    ['', 'error decoding request body'],
    ['[1]', 'error decoding request body'],
    ['{"peer_id":', 'error decoding request body'],
    ['{}', 'error decoding peer_id'],
    ['{"peer_id":"nobody"}', 'error decoding peer_id'],
  ])('are not added by the body %p', async (body, message) => {
    await using rig = await RestRig.start()
    const answer = await rig.ask('/peers', post(body))
    expect([answer.status, answer.body]).toEqual([400, `{"code":400,"message":"${message}"}\n`])
  })

  test('are not added by a body that is too long', async () => {
    await using rig = await RestRig.start()
    expect((await rig.ask('/peers', post(`"${'x'.repeat(70_000)}"`))).status).toBe(413)
  })

  test('that cannot be reached are 500 with the reason', async () => {
    const addPeer = () => Promise.reject(new Error('no way there'))
    await using rig = await RestRig.start({}, { addPeer })
    const { status, body } = await rig.ask('/peers', post(JSON.stringify({ peer_id: other })))
    expect([status, body]).toEqual([500, '{"code":500,"message":"no way there"}\n'])
  })

  test('are not removed with a CRDT, in the words of the original', async () => {
    await using rig = await RestRig.start()
    const { status, body } = await rig.ask(`/peers/${other}`, { method: 'DELETE' })
    expect([status, body]).toEqual([
      500,
      '{"code":500,"message":"crdt consensus component cannot remove peers"}\n',
    ])
    const unread = await rig.ask('/peers/nobody', { method: 'DELETE' })
    expect(unread.status).toBe(400)
    expect(JSON.parse(unread.body).message).toStartWith('error decoding Peer ID: failed to parse peer ID: ')
  })
})

describe('health', () => {
  test('has the graph of connections, keys sorted', async () => {
    await using rig = await RestRig.start(
      {},
      {
        connectGraph: async () => ({
          clusterId: self,
          peerNames: new Map([
            [self, 'peer1'],
            [other, 'peer2'],
          ]),
          ipfsLinks: new Map([['I', ['J']]]),
          clusterLinks: new Map([
            [self, [other]],
            [other, []],
          ]),
          trust: new Map([
            [self, true],
            [other, false],
          ]),
          ipfsIds: new Map([[self, 'I']]),
        }),
      },
    )
    expect((await rig.ask('/health/graph')).body).toBe(
      `{"cluster_id":"${self}","id_to_peername":{"${other}":"peer2","${self}":"peer1"},"ipfs_links":{"I":["J"]},` +
        `"cluster_links":{"${other}":[],"${self}":["${other}"]},` +
        `"cluster_trust_links":{"${other}":false,"${self}":true},"cluster_to_ipfs":{"${self}":"I"}}\n`,
    )
  })

  test('has alerts with times to the nanosecond', async () => {
    const alerts = () => [{ metric: ping, triggeredAt: 1795394841729937240n }]
    await using rig = await RestRig.start({}, { alerts })
    expect((await rig.ask('/health/alerts')).body).toBe(
      `[{${pingJson},"triggered_at":"2026-11-23T00:47:21.72993724Z"}]\n`,
    )
  })

  test('has no alerts as an empty list', async () => {
    await using rig = await RestRig.start()
    expect((await rig.ask('/health/alerts')).body).toBe('[]\n')
  })

  test('has the traffic of each protocol', async () => {
    const bandwidth = () =>
      new Map([
        ['/meshsub/1.3.0', { totalIn: 8922, totalOut: 9167, rateIn: 101.5, rateOut: 0 }],
        ['', { totalIn: 239, totalOut: 239, rateIn: 0, rateOut: 0 }],
      ])
    await using rig = await RestRig.start({}, { bandwidth })
    expect((await rig.ask('/health/bandwidth')).body).toBe(
      '{"":{"total_in":239,"total_out":239,"rate_in":0,"rate_out":0},' +
        '"/meshsub/1.3.0":{"total_in":8922,"total_out":9167,"rate_in":101.5,"rate_out":0}}\n',
    )
  })
})

describe('metrics', () => {
  test('are listed by name', async () => {
    await using rig = await RestRig.start({}, { metricNames: () => ['freespace', 'ping'] })
    expect((await rig.ask('/monitor/metrics')).body).toBe('["freespace","ping"]\n')
  })

  test('have whole numbers beyond what a float holds', async () => {
    const metrics = (name: string) => (name === 'tag:group/a' ? [{ ...ping, weight: -5 }] : [])
    await using rig = await RestRig.start({}, { metrics })
    expect((await rig.ask('/monitor/metrics/tag%3Agroup%2Fa')).body).toBe(
      `[{${pingJson.replace('"weight":0', '"weight":-5')}}]\n`,
    )
    expect((await rig.ask('/monitor/metrics/nothing')).body).toBe('[]\n')
  })
})
