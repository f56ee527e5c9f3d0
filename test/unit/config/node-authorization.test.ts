/** The credentials for the RPC API of Kubo: from the file or the environment, checked, and never shown. */
import { expect, test } from 'bun:test'
import { loadConfig } from '../../../core/config/load.ts'
import { renderService } from '../../../core/config/service.ts'
import { authorizationHeader } from '../../../core/runtime/authorization.ts'
import { editService, initialisedFolder, readService } from './initialised-folder.ts'

const key = 'ipfs_connector.ipfshttp.node_authorization'
const variable = 'CLUSTER_IPFSHTTP_NODEAUTHORIZATION'

test('credentials come from the file or, first, from the environment, and are hidden when shown', async () => {
  await using folder = await initialisedFolder()
  expect(await readService(folder.path)).not.toContain('node_authorization')
  await editService(folder.path, (json) => {
    json.ipfs_connector.ipfshttp.node_authorization = 'basic:me:hunter2'
  })
  const { config, warnings } = await loadConfig(folder.path, {})
  expect([config.ipfshttp.nodeAuthorization, warnings]).toEqual(['basic:me:hunter2', []])
  const written = JSON.parse(renderService(config, 'plain'))
  expect(written.ipfs_connector.ipfshttp.node_authorization).toBe('basic:me:hunter2')
  const shown = renderService(config, 'display')
  expect(shown).not.toContain('hunter2')
  expect(JSON.parse(shown).ipfs_connector.ipfshttp.node_authorization).toBe('XXX_hidden_XXX')
  const fromVariable = await loadConfig(folder.path, { [variable]: ' bearer:abc\n' })
  expect(fromVariable.config.ipfshttp.nodeAuthorization).toBe('bearer:abc')
})

test('what is no credentials is refused, and not shown', async () => {
  await using folder = await initialisedFolder()
  for (const wrong of [
    'hunter2',
    'Bearer hunter2',
    'bearer:hunter2 x',
    'basic:hunter2',
    'basic:a:hunter2\r\nX: y',
  ]) {
    const error = await loadConfig(folder.path, { [variable]: wrong }).catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(Error)
    const { message } = error as Error
    expect(message).toContain('"bearer:<token>" or "basic:<user>:<password>"')
    expect(message).not.toContain('hunter2')
    await editService(folder.path, (json) => {
      json.ipfs_connector.ipfshttp.node_authorization = wrong
    })
    const inFile = (await loadConfig(folder.path, {}).catch((thrown: Error) => thrown)) as Error
    expect(inFile.message).toContain(key)
    expect(inFile.message).not.toContain('hunter2')
    await editService(folder.path, (json) => {
      delete json.ipfs_connector.ipfshttp.node_authorization
    })
  }
})

test('credentials become the header that HTTP has for them', () => {
  expect(authorizationHeader('bearer:a.b-c_~+/=')).toBe('Bearer a.b-c_~+/=')
  // The user and password of RFC 7617, where a password may have colons.
  expect(authorizationHeader('basic:Aladdin:open sesame')).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==')
  expect(authorizationHeader('basic:test:123£')).toBe('Basic dGVzdDoxMjPCow==')
  expect(authorizationHeader('basic:a:b:c')).toBe(`Basic ${btoa('a:b:c')}`)
  for (const none of ['', 'bearer:', 'basic:', 'basic::x', 'basic:a', 'bearer:a b', 'bearer:a\nb', 'x:y']) {
    expect(authorizationHeader(none)).toBeUndefined()
  }
})
