/** A configuration that is fetched: service.json may be only a pointer to another (`spec/config.md §2`, rule 1). */
import { messageOf } from '../error-text.ts'
import { SourceError } from './errors.ts'

/** Bytes of a configuration, fetched or on disk. */
export const maxServiceBytes = 16 * 1024 * 1024

/** Milliseconds that fetching may take. */
const fetchTimeout = 60_000

/** Bytes of a refusal that are shown. */
const maxShown = 200

/** The text at `url`. Throws `SourceError`. */
export async function fetchSource(url: string, signal?: AbortSignal): Promise<string> {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new SourceError(
      `could not fetch configuration from source: ${url}: only http:// and https:// addresses can be fetched`,
    )
  }
  const timeout = AbortSignal.timeout(fetchTimeout)
  let answer: { status: number; text: string }
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
    answer = { status: response.status, text: await boundedText(response, url) }
  } catch (cause) {
    if (cause instanceof SourceError) throw cause
    const why = messageOf(cause)
    throw new SourceError(`could not fetch configuration from source: ${url}: ${why}`, { cause })
  }
  if (answer.status >= 300) {
    throw new SourceError(`unsuccessful request (${answer.status}): ${answer.text.trim().slice(0, maxShown)}`)
  }
  return answer.text
}

async function boundedText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxServiceBytes) {
      throw new SourceError(`the configuration at ${url} is larger than ${maxServiceBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
