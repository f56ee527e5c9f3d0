import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { signToken, verifyToken } from '../../../core/api/json-web-token.ts'

const now = 1_800_000_000_000
const seconds = now / 1000
const passwordOf = (user: string) => ({ user: 'secret', empty: '' })[user]

function token(head: object, claims: unknown, password = 'secret', hash = 'sha256'): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(head)}.${part(claims)}`
  return `${signed}.${createHmac(hash, password).update(signed).digest('base64url')}`
}

describe('a token', () => {
  test('of RFC 7515, appendix A.1, has a signature that is right', () => {
    // The key and the signed text of the RFC; its claims have an issuer and an end in 2011.
    const key = Buffer.from(
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
      'base64url',
    )
    const signed =
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.' +
      'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
    const whole = `${signed}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`
    const password = (user: string) => (user === 'joe' ? (key as unknown as string) : undefined)
    expect(verifyToken(whole, password, 1_300_819_379_000)).toBe('joe')
    expect(verifyToken(whole, password, 1_300_819_380_000)).toBeUndefined()
  })

  test('names its user, and is in the form of the original', () => {
    expect(verifyToken(signToken('user', 'secret'), passwordOf, now)).toBe('user')
    expect(signToken('user', 'secret')).toBe(token({ alg: 'HS256', typ: 'JWT' }, { iss: 'user' }))
  })

  test('may be signed with the longer hashes', () => {
    expect(verifyToken(token({ alg: 'HS384' }, { iss: 'user' }, 'secret', 'sha384'), passwordOf, now)).toBe(
      'user',
    )
    expect(verifyToken(token({ alg: 'HS512' }, { iss: 'user' }, 'secret', 'sha512'), passwordOf, now)).toBe(
      'user',
    )
  })

  test('holds within its times', () => {
    const times = { iss: 'user', exp: seconds + 1, nbf: seconds, iat: seconds }
    expect(verifyToken(token({ alg: 'HS256' }, times), passwordOf, now)).toBe('user')
    for (const wrong of [{ exp: seconds }, { nbf: seconds + 1 }, { iat: seconds + 1 }, { exp: 'never' }]) {
      expect(verifyToken(token({ alg: 'HS256' }, { ...times, ...wrong }), passwordOf, now)).toBeUndefined()
    }
  })

  const bad: [why: string, token: string][] = [
    ['without a signature', token({ alg: 'none' }, { iss: 'user' }).replace(/[^.]*$/, '')],
    ['of an algorithm that is none', token({ alg: 'none' }, { iss: 'user' })],
    ['of an inherited name', token({ alg: 'constructor' }, { iss: 'user' })],
    ['whose hash is not the one it names', token({ alg: 'HS512' }, { iss: 'user' })],
    ['of another password', token({ alg: 'HS256' }, { iss: 'user' }, 'other')],
    ['of an unknown user', token({ alg: 'HS256' }, { iss: 'nobody' })],
    ['without a user', token({ alg: 'HS256' }, {})],
    ['whose user is no text', token({ alg: 'HS256' }, { iss: ['user'] })],
    ['whose claims are no object', token({ alg: 'HS256' }, null)],
    ['of four parts', `${signToken('user', 'secret')}.x`],
    ['that is too long', token({ alg: 'HS256' }, { iss: 'user', more: 'x'.repeat(5_000) })],
    ['that is nothing', ''],
  ]
  test.each(bad)('%s is refused', (_, text) => {
    expect(verifyToken(text, passwordOf, now)).toBeUndefined()
  })
})
