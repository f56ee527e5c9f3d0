/** Answers that lead elsewhere. None of them is a success, and none leads credentials to another host. */
import type { ApiAddress } from './address.ts'
import { ApiError } from './errors.ts'
import type { Answer, Exchange } from './transport.ts'

/** Redirects in a row that are followed. */
export const maxRedirects = 5

/** The request that an answer leads to, at the same address. Throws `ApiError` where it must not be followed. */
export function redirected(address: ApiAddress, init: Exchange, answer: Answer): Exchange {
  const { status, location } = answer
  const lead = (problem: string): never => {
    const to = location === undefined ? '' : ` and leads to ${withoutSecrets(location)}`
    throw new ApiError(status, `${address.text} answered ${status}${to}; ${problem}`)
  }
  const scheme = address.tls ? 'https' : 'http'
  const here = `${scheme}://${address.authority}`
  if (location === undefined || !URL.canParse(location, here)) return lead('nothing was done')
  const there = new URL(location, here)
  if (there.origin !== new URL(here).origin) {
    return lead('nothing was done; when that is the API of your cluster, name its address with --host')
  }
  // A 301, 302 or 303 lets a client turn any request into a GET, which would read where it should write.
  if (init.method !== 'GET' && status !== 307 && status !== 308) return lead('nothing was done')
  if (init.isUpload) return lead('an upload cannot be sent twice; nothing was added')
  return { ...init, path: `${there.pathname}${there.search}` }
}

function withoutSecrets(location: string): string {
  return location.replace(/\/\/[^/@]*@/, '//')
}
