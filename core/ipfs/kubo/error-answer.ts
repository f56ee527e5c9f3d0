/** What an answer with a status other than 200 means: Kubo said so, or what stands in front of it. */
import {
  type IpfsCall,
  IpfsCredentialsError,
  type IpfsError,
  IpfsRefusedError,
  IpfsUnreachableError,
} from '../errors.ts'
import type { RpcResponse } from './connection.ts'

/** Bytes read of the body of an error. */
const maxErrorBody = 64 * 1024
/** Characters of an error of Kubo that are passed on. */
const maxErrorText = 4_096
/** Characters of the title of a web page that are passed on. */
const maxTitle = 120

/** `hasCredentials`: some were sent with the call. */
export async function errorOf(
  call: IpfsCall,
  response: RpcResponse,
  hasCredentials: boolean,
): Promise<IpfsError> {
  const { status } = response
  const body = await readStart(response)
  if (status === 401 || status === 403) return new IpfsCredentialsError(call, status, hasCredentials)
  const message = messageOf(body)
  if (message !== undefined) return kuboError(call, status, message)
  const page = webPage(body)
  if (isFromBetween(status) || (status >= 500 && page !== undefined)) {
    const what = page === undefined ? '' : ` with ${page}`
    return new IpfsUnreachableError(call, `what is in front of it answered ${status}${what}`)
  }
  const text = page ?? oneLine(body, maxErrorText)
  return new IpfsRefusedError(
    call,
    `IPFS request failed (is it running?) (${call.what}). Code ${status}: ${text}`,
    text,
  )
}

/** The words of the original, that tools look for (`spec/behaviour.md` §5.3). */
export function kuboError(call: IpfsCall, status: number, message: string): IpfsRefusedError {
  const text = oneLine(message, maxErrorText)
  return new IpfsRefusedError(call, `IPFS error (${call.what}). Code: ${status}. Message: ${text}`, text)
}

/** What a web page is called; undefined for what is none. */
export function webPage(body: string): string | undefined {
  if (!/^\s*<(?:!doctype|html|head|body|title|h1|center)\b/i.test(body.slice(0, 1_000))) return undefined
  const title = oneLine(/<title[^<>]{0,200}>([^<]*)/i.exec(body)?.[1] ?? '', maxTitle)
  return title === '' ? 'a web page' : `a web page, ${JSON.stringify(title)}`
}

/** Without line breaks and other control characters: errors are rows of tables and lines of logs. */
export function oneLine(text: string, max: number): string {
  const line = text
    .slice(0, maxErrorBody)
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
  return line.length > max ? `${line.slice(0, max)}…` : line
}

/** 502 to 504, and those that Cloudflare has for a server behind it that is not there. */
function isFromBetween(status: number): boolean {
  return (status >= 502 && status <= 504) || (status >= 520 && status <= 530)
}

/** The first bytes of an error body; the connection is closed when there are more. */
async function readStart(response: RpcResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  while (length < maxErrorBody) {
    const chunk = await response.read()
    if (chunk === undefined) break
    chunks.push(chunk)
    length += chunk.length
  }
  return Buffer.concat(chunks).subarray(0, maxErrorBody).toString()
}

/** The message of Kubo's error object, `{"Message":…,"Code":…,"Type":"error"}`. */
function messageOf(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || !('Message' in value)) return undefined
    return typeof value.Message === 'string' ? value.Message : undefined
  } catch {
    return undefined
  }
}
