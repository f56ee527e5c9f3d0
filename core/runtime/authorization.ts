/** Credentials for the RPC API of Kubo, in the form that Kubo's own `API.Authorizations` has: `bearer:…` or `basic:…:…`. */

/** The value of the header; undefined for none, and for a text that is no credentials. */
export function authorizationHeader(credentials: string): string | undefined {
  const [, token] = /^bearer:([\x21-\x7e]+)$/.exec(credentials) ?? []
  if (token !== undefined) return `Bearer ${token}`
  const [, pair] = /^basic:([^:\p{Cc}]+:\P{Cc}*)$/u.exec(credentials) ?? []
  return pair === undefined ? undefined : `Basic ${Buffer.from(pair).toString('base64')}`
}
