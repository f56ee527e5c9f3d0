/**
 * The tokens that the APIs hand out and take: JWT (RFC 7519) with the name of a user in `iss`, signed with that user's
 * password (`spec/rest-api.md` §2.1).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** Characters of a token. One of ours has under 200. */
const maxTokenLength = 4096

/** A token for `user` that holds until the password changes. Always the same for the same two. */
export function signToken(user: string, password: string): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: user })}`
  return `${signed}.${createHmac('sha256', password).update(signed).digest('base64url')}`
}

/**
 * The user of a token, or undefined when it is not valid at `now` (ms since the epoch). `passwordOf` gives undefined for
 * unknown users.
 */
export function verifyToken(
  token: string,
  passwordOf: (user: string) => string | undefined,
  now: number,
): string | undefined {
  if (token.length > maxTokenLength) return undefined
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  const [head, body, signature] = parts as [string, string, string]
  const hash = hashes.get(decode(head)?.alg)
  const claims = decode(body)
  const user = claims?.iss
  const password = typeof user === 'string' ? passwordOf(user) : undefined
  if (!hash || !claims || password === undefined) return undefined
  const expected = createHmac(hash, password).update(`${head}.${body}`).digest()
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  return isCurrent(claims, now / 1000) ? (user as string) : undefined
}

const hashes = new Map<unknown, string>([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])

type Claims = Record<string, unknown>

/** Times in the claims count where they are. */
function isCurrent({ exp, nbf, iat }: Claims, seconds: number): boolean {
  const holds = (claim: unknown, check: (time: number) => boolean) =>
    claim === undefined || (typeof claim === 'number' && check(claim))
  return (
    holds(exp, (time) => seconds < time) &&
    holds(nbf, (time) => seconds >= time) &&
    holds(iat, (time) => seconds >= time)
  )
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}
