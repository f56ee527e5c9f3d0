/** Who may use an API: Basic credentials, or a token made from them (`spec/rest-api.md` §2). */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../runtime/ports.ts'
import { signToken, verifyToken } from './json-web-token.ts'

/** User names and their passwords. */
export type Credentials = Record<string, string>

export type Admission = { user: string } | Refusal

export interface Refusal {
  message: string
  /** The values of `WWW-Authenticate`, one header line each. */
  challenges: string[]
}

const realm = 'realm="Restricted IPFS Cluster API"'

export class Authenticator {
  readonly #credentials: Credentials
  readonly #clock: Clock

  constructor(credentials: Credentials, clock: Clock) {
    this.#credentials = credentials
    this.#clock = clock
  }

  /** Judges the `Authorization` header of a request. */
  admit(authorization: string | undefined): Admission {
    const { scheme, value } = splitAuthorization(authorization)
    const basic = scheme === 'basic' ? decodeBasic(value) : undefined
    if (basic) {
      if (this.#isPassword(basic.user, basic.password)) return { user: basic.user }
      return { message: 'unauthorized: access denied', challenges: [`Basic ${realm}`] }
    }
    if (scheme === 'bearer') {
      const user = verifyToken(value, (name) => this.#passwordOf(name), this.#clock.now())
      if (user !== undefined) return { user }
      return {
        message: 'unauthorized: invalid token',
        challenges: [`Bearer ${realm}, error="invalid_token"`],
      }
    }
    return { message: 'unauthorized: no auth provided', challenges: [`Bearer ${realm}`, `Basic ${realm}`] }
  }

  /** The token of an admitted user. */
  tokenFor(user: string): string {
    return signToken(user, this.#passwordOf(user)!)
  }

  #passwordOf(user: string): string | undefined {
    const password = Object.hasOwn(this.#credentials, user) ? this.#credentials[user] : undefined
    // An account without a password is closed: a token signed with the empty key would open it.
    return password === '' ? undefined : password
  }

  /** Takes as long for a wrong password as for a right one, whatever their lengths. */
  #isPassword(user: string, password: string): boolean {
    const expected = this.#passwordOf(user)
    const isEqual = timingSafeEqual(digest(password), digest(expected ?? ''))
    return isEqual && expected !== undefined && user !== '' && password !== ''
  }
}

/** The scheme in small letters, and what follows it. */
function splitAuthorization(authorization = ''): { scheme: string; value: string } {
  const blank = authorization.indexOf(' ')
  if (blank < 0) return { scheme: '', value: '' }
  return { scheme: authorization.slice(0, blank).toLowerCase(), value: authorization.slice(blank + 1) }
}

function decodeBasic(value: string): { user: string; password: string } | undefined {
  const text = Buffer.from(value, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
