/** What a server in front of Kubo answers in its place: web pages, demands for credentials, statuses of its own. */
import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { IpfsAnswerError, IpfsCredentialsError } from '../../../core/ipfs/errors.ts'
import { createKubo } from '../../../core/ipfs/kubo/kubo.ts'
import type { IpfsFailureReason } from '../../../core/runtime/ipfs.ts'
import { expectIpfsError, pinOptions } from './compliance-calls.ts'
import { reply, type Script, ScriptedKubo } from './scripted-kubo.ts'
import { quietRuntime } from './test-runtime.ts'

const cid = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

async function errorsOf(script: Script, reason: IpfsFailureReason, authorization = '') {
  await using server = await ScriptedKubo.start(script)
  await using ipfs = createKubo({ address: server.address, authorization, runtime: quietRuntime() })
  return [
    await expectIpfsError(ipfs.id(), reason),
    await expectIpfsError(ipfs.pin(cid, pinOptions({ isUnpinned: true })), reason),
  ]
}

const page = (title: string) =>
  `<!DOCTYPE html>\r\n<html>\n<head>\n<title>${title}</title></head>\n<body>${'<p>No.</p>\n'.repeat(40)}</body></html>`

describe('a web page in place of an answer', () => {
  test.each([500, 502, 503, 504, 522])(
    'with status %d means that Kubo is not reachable, in one line',
    async (status) => {
      const script: Script = ({ socket }) => reply(socket, page('Bad\n <b>Gateway'), status, 'text/html')
      for (const { message } of await errorsOf(script, 'unreachable')) {
        expect(message).toContain(`what is in front of it answered ${status} with a web page`)
        expect(message).not.toMatch(/[\n\r]|<p>|No\./)
      }
    },
  )

  test.each([404, 405, 429])(
    'with status %d is a refusal that has its title, in one line',
    async (status) => {
      const script: Script = ({ socket }) =>
        reply(socket, page(' Not\u0007 \u001b[31m\u202eHere "x"'), status, 'text/html')
      for (const { message } of await errorsOf(script, 'failed')) {
        expect(message).toEndWith(`Code ${status}: a web page, "Not [31m Here \\"x\\""`)
      }
    },
  )

  test('with status 200 is no answer', async () => {
    for (const body of [page('Log in'), page('Log in').replaceAll(/[\r\n]+/g, '')]) {
      const script: Script = ({ socket }) => reply(socket, body, 200, 'text/html')
      for (const error of await errorsOf(script, 'failed')) {
        expect(error).toBeInstanceOf(IpfsAnswerError)
        expect(error.message).toContain('it is not JSON: a web page')
        expect(error.message).not.toMatch(/[\n\r]/)
      }
    }
  })

  test('with a title without end is cut', async () => {
    const script: Script = ({ socket }) =>
      reply(socket, `<html><title>${'x'.repeat(60_000)}`, 418, 'text/html')
    for (const { message } of await errorsOf(script, 'failed')) expect(message.length).toBeLessThan(500)
  })
})

test('a plain text of several lines becomes one line', async () => {
  const script: Script = ({ socket }) => reply(socket, 'a\nb\r\n\tc\n', 500, 'text/plain')
  for (const { message } of await errorsOf(script, 'failed')) expect(message).toEndWith('Code 500: a b c')
})

describe('a demand for credentials', () => {
  for (const [status, body] of [
    [401, ''],
    [403, page('Forbidden')],
    [403, '403 - Forbidden\n'],
  ] as const) {
    const script: Script = ({ socket }) => reply(socket, body, status, 'text/html')

    test(`by ${status} and ${JSON.stringify(body.slice(0, 15))} names the setting`, async () => {
      for (const error of await errorsOf(script, 'failed')) {
        expect(error).toBeInstanceOf(IpfsCredentialsError)
        expect(error.message).toContain('needs credentials')
        expect(error.message).toContain('set ipfs_connector.ipfshttp.node_authorization')
      }
      for (const error of await errorsOf(script, 'failed', 'basic:me:sesame')) {
        expect(error.message).toContain(
          'does not let the credentials in ipfs_connector.ipfshttp.node_authorization',
        )
        expect(error.message).not.toMatch(/sesame|bWU6c2VzYW1l/)
      }
    })
  }
})
