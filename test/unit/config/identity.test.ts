import { describe, expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { createIdentity, decodeIdentity, loadIdentity, writeIdentity } from '../../../core/config/identity.ts'
import { secret } from '../../../core/config/secret.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import vectors from '../../vectors/identity.json' with { type: 'json' }

const [ed25519, rsa] = vectors.identities as [Vector, Vector]
type Vector = (typeof vectors.identities)[number]

describe('identity.json', () => {
  test.each([
    [ed25519.key_type, ed25519],
    [rsa.key_type, rsa],
  ])('of a %s key is read and written byte for byte', async (_type, vector) => {
    await using folder = await temporaryFolder()
    await writeFile(`${folder.path}/identity.json`, vector.identity_json)
    const { identity, moved } = await loadIdentity(folder.path, {})
    expect(identity.id).toBe(vector.peer_id)
    expect(moved).toBe(false)
    await writeIdentity(folder.path, identity)
    expect(await readFile(`${folder.path}/identity.json`, 'utf8')).toBe(vector.identity_json)
  })

  test('a new one is Ed25519 and another each time', async () => {
    const [a, b] = [await createIdentity({}), await createIdentity({})]
    expect(a.id).toStartWith('12D3KooW')
    expect(a.id).not.toBe(b.id)
  })

  test('the environment wins at load and when one is made', async () => {
    const environment = { CLUSTER_ID: ed25519.peer_id, CLUSTER_PRIVATEKEY: ed25519.private_key_base64 }
    await using folder = await temporaryFolder()
    await writeFile(`${folder.path}/identity.json`, rsa.identity_json)
    expect((await loadIdentity(folder.path, environment)).identity.id).toBe(ed25519.peer_id)
    expect((await createIdentity(environment)).id).toBe(ed25519.peer_id)
  })

  test('one in service.json, as old versions had it, is moved to its own file', async () => {
    await using folder = await temporaryFolder()
    const legacy = { id: ed25519.peer_id, privateKey: ed25519.private_key_base64 }
    expect(await loadIdentity(folder.path, {}, legacy)).toMatchObject({ moved: true })
    expect(await readFile(`${folder.path}/identity.json`, 'utf8')).toBe(ed25519.identity_json)
    expect(await loadIdentity(folder.path, {}, legacy)).toMatchObject({ moved: false })
  })

  test('an ID that is not of the key, a key that is none, and no file at all are told apart', async () => {
    await using folder = await temporaryFolder()
    const load = async (text: string) => {
      await writeFile(`${folder.path}/identity.json`, text)
      return await loadIdentity(folder.path, {})
    }
    await expect(loadIdentity(folder.path, {})).rejects.toThrow(/not found; `cluster init` makes an identity/)
    await expect(load(ed25519.identity_json.replace(ed25519.peer_id, rsa.peer_id))).rejects.toThrow(
      /identity\.json: identity ID does not match the private_key/,
    )
    await expect(load('{"id":"x","private_key":"%%%"}')).rejects.toThrow('private_key is not base64')
    await expect(load('{"id":"x","private_key":"AAAA"}')).rejects.toThrow('not a libp2p private key')
    await expect(load('{"id":"x"}')).rejects.toThrow('must be an object with the texts id and private_key')
    await expect(load('{"id":')).rejects.toThrow(/not valid JSON \(line 1, column 7\)/)
  })

  test('no message shows a key', () => {
    const broken = ed25519.private_key_base64.replace('CAES', 'CBES')
    const attempt = () => decodeIdentity({ id: ed25519.peer_id, privateKey: broken }, 'here')
    expect(attempt).toThrow()
    try {
      attempt()
    } catch (error) {
      expect((error as Error).message).not.toContain(broken.slice(8, 30))
    }
  })
})

describe('cluster secrets', () => {
  test.each(vectors.psk.map(({ cluster_secret }) => cluster_secret))('%p is taken', (text) => {
    expect(secret.fromJson(text)).toBe(text)
  })

  test.each(vectors.psk_edge_cases)('%j', ({ cluster_secret, psk_hex, error }) => {
    expect(secret.fromJson(cluster_secret)).toBe(error === undefined ? psk_hex : undefined)
  })
})
