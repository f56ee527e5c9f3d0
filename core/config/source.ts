/** A configuration that is fetched: service.json may be only a pointer to another (`spec/config.md §2`, rule 1). */
import { messageOf } from '../error-text.ts'
import { SourceError } from './errors.ts'

/** Bytes of a configuration, fetched or on disk. */
export const maxServiceBytes = 16 * 1024 * 1024

/** Milliseconds that fetching may take. */
const fetchTimeout = 60_000

/** Bytes of a refusal that are shown. */
const maxShown = 200

/** The text at `url`. Throws `SourceError`, whose text has neither the user and password nor the query of the address. */
export async function fetchSource(url: string, signal?: AbortSignal): Promise<string> {
  checkSource(url)
  const timeout = AbortSignal.timeout(fetchTimeout)
  let answer: { status: number; text: string }
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
    if (response.redirected) checkSource(response.url)
    answer = { status: response.status, text: await boundedText(response, url) }
  } catch (cause) {
    if (cause instanceof SourceError) throw cause
    const why = messageOf(cause).replaceAll(url, shownSource(url))
    throw new SourceError(`could not fetch configuration from source: ${shownSource(url)}: ${why}`)
  }
  if (answer.status >= 300) {
    throw new SourceError(`unsuccessful request (${answer.status}): ${answer.text.trim().slice(0, maxShown)}`)
  }
  return answer.text
}

/**
 * Throws `SourceError` for what cannot be fetched, or must not: a stranger on the way to an `http://` address decides
 * what this peer does.
 */
export function checkSource(url: string): void {
  const refuse = (problem: string): never => {
    throw new SourceError(`could not fetch configuration from source: ${shownSource(url)}: ${problem}`)
  }
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    refuse('only http:// and https:// addresses can be fetched')
  }
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:' && !isLoopbackHost(hostname)) {
    refuse('it must be https://, as anybody on the way could change it; http:// is for this machine only')
  }
}

/** The address without what may be secret in it. */
export function shownSource(url: string): string {
  if (!URL.canParse(url)) return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//')
  const { protocol, host, pathname } = new URL(url)
  return host === '' ? `${protocol}${pathname}` : `${protocol}//${host}${pathname}`
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

async function boundedText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxServiceBytes) {
      throw new SourceError(
        `the configuration at ${shownSource(url)} is larger than ${maxServiceBytes} bytes`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
