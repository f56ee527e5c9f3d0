/** Values of variables as compose files, secrets of Kubernetes and shells hand them over. */
import { describe, expect, test } from 'bun:test'
import { loadConfig } from '../../../core/config/load.ts'
import vector from '../../vectors/service_default.json' with { type: 'json' }
import { editService, initialisedFolder } from './initialised-folder.ts'

const credentials = 'CLUSTER_RESTAPI_BASICAUTHCREDENTIALS'
const secret = vector.cluster_secret

describe('credentials in a variable', () => {
  test.each([
    ['user:secret', { user: 'secret' }],
    ['user:secret, user2:secret2', { user: 'secret', user2: 'secret2' }],
    ['a:b:c,d:e', { a: 'b:c', d: 'e' }],
    ['u: p, v: q,', { u: 'p', v: 'q' }],
    ['user:secret\n', { user: 'secret' }],
    ['{"user":"se,cret"}', { user: 'se,cret' }],
    [' {"user": "secret", "v": "q"} \n', { user: 'secret', v: 'q' }],
  ])('%j are read', async (written, read) => {
    await using folder = await initialisedFolder()
    const { config } = await loadConfig(folder.path, { [credentials]: written })
    expect({ ...config.restapi!.basicAuthCredentials }).toEqual(read as never)
  })

  test.each([
    '{user:secret}',
    '{"user":1}',
    '{"user":"secret"',
    '"user:secret"',
    "'user:secret, v:q'",
    ':secret',
    'usersecret',
  ])('%j are refused with the forms that are read, and without the value', async (written) => {
    await using folder = await initialisedFolder()
    const failure = await loadConfig(folder.path, { [credentials]: written }).catch((error: Error) => error)
    expect(String(failure)).toContain(credentials)
    expect(String(failure)).toContain(
      'key:value, comma separated, without quotes or braces around them; or JSON',
    )
    expect(String(failure)).not.toMatch(/secret|user:/)
  })
})

describe('a list in a variable', () => {
  const [one, two] = [
    '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY',
    '12D3KooWGHxZXHLqsQJkRtBXkZ5VEbUkcC8AbFBjzRqEdFfvfEBL',
  ]
  test.each([`${one},${two}`, `${one}, ${two}`, ` ${one} ,${two},\n`, `["${one}", "${two}"]`])(
    '%j is read',
    async (written) => {
      await using folder = await initialisedFolder()
      const { config } = await loadConfig(folder.path, { CLUSTER_CRDT_TRUSTEDPEERS: written })
      expect(config.crdt!.trustedPeers).toEqual([one, two])
    },
  )

  test.each([`[${one}]`, `"${one}"`])('%j is refused', async (written) => {
    await using folder = await initialisedFolder()
    await expect(loadConfig(folder.path, { CLUSTER_CRDT_TRUSTEDPEERS: written })).rejects.toThrow(
      'CLUSTER_CRDT_TRUSTEDPEERS',
    )
  })
})

describe('a secret', () => {
  test.each([`${secret}\n`, ` ${secret}\r\n`, secret.toUpperCase()])('%j is read', async (written) => {
    await using folder = await initialisedFolder({ environment: { CLUSTER_SECRET: written } })
    expect((await loadConfig(folder.path, {})).config.cluster.secret).toBe(secret)
    expect((await loadConfig(folder.path, { CLUSTER_SECRET: written })).config.cluster.secret).toBe(secret)
  })

  test.each([`0x${secret}`, 'hunter2'])('%j is refused, without being shown', async (written) => {
    await using folder = await initialisedFolder()
    const failure = await loadConfig(folder.path, { CLUSTER_SECRET: written }).catch((error: Error) => error)
    expect(String(failure)).toContain('CLUSTER_SECRET: must be 64 hex digits')
    expect(String(failure)).not.toContain(written)
  })
})

test('a number and a path are read with the line break of their file', async () => {
  await using folder = await initialisedFolder()
  const environment = {
    CLUSTER_REPLICATIONFACTORMIN: '2\n',
    CLUSTER_REPLICATIONFACTORMAX: ' 3 ',
    CLUSTER_PEERNAME: 'a b\n',
  }
  const { cluster } = (await loadConfig(folder.path, environment)).config
  expect([cluster.replicationFactorMin, cluster.replicationFactorMax, cluster.peername]).toEqual([
    2,
    3,
    'a b',
  ])
})

test('an address of a peer without its ID is warned of', async () => {
  await using folder = await initialisedFolder()
  await editService(folder.path, (json) => {
    json.cluster.peer_addresses = [
      '/ip4/10.0.0.7/tcp/9096',
      `/ip4/10.0.0.8/tcp/9096/p2p/${'12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'}`,
    ]
  })
  const { warnings } = await loadConfig(folder.path, {})
  expect(warnings).toEqual([
    'cluster.peer_addresses: /ip4/10.0.0.7/tcp/9096 does not end in /p2p/<peer ID>, so that nobody can be met there; it is left out',
  ])
})
