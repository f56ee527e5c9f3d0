/** Answers one request to the gateway. */
import { openUnixfs } from '../dag/unixfs-reader.ts'
import type { Answer } from './answer.ts'
import { documentAnswer, documentFormat, rawAnswer } from './block-answer.ts'
import { BlockReading } from './block-reading.ts'
import { carAnswer } from './car-answer.ts'
import { readCarParameters } from './car-parameters.ts'
import { GatewayError } from './errors.ts'
import { fileAnswer, symlinkAnswer } from './file-answer.ts'
import { folderAnswer } from './folder-answer.ts'
import { type Found, find } from './found.ts'
import type { GatewayNode } from './gateway-node.ts'
import { nameRecordAnswer } from './name-record-answer.ts'
import { previewAnswer } from './preview.ts'
import { redirectOf } from './redirects.ts'
import { readRequest } from './request.ts'
import { tarAnswer } from './tar-answer.ts'

/** Rejects with `GatewayError` and with what `asGatewayError` takes. */
export async function answerTo(
  url: URL,
  headers: Headers,
  node: GatewayNode,
  signal: AbortSignal,
): Promise<Answer> {
  const redirected = redirectOf(url, headers)
  if (redirected !== undefined) return redirected
  const request = readRequest(url, headers)
  const blocks = new BlockReading(node, request.onlyIfCached, signal)
  const { format } = request.wanted
  if (format === 'ipns-record') return nameRecordAnswer(request, blocks)
  const car = format === 'car' ? readCarParameters(request.query, request.wanted.parameters) : undefined
  const found = await find(request, blocks)
  if (car !== undefined) return carAnswer(found, car)
  switch (format) {
    case 'raw':
      return rawAnswer(found)
    case 'tar':
      return tarAnswer(found)
    case 'dag-json':
    case 'dag-cbor':
      return documentAnswer(found, format)
    case 'json':
    case 'cbor':
      // Much JSON is stored as a file.
      return documentFormat(found.cid) === undefined ? unixfsAnswer(found) : documentAnswer(found, format)
    default:
      return pageAnswer(found)
  }
}

async function pageAnswer(found: Found): Promise<Answer> {
  const { cid, request } = found
  const format = documentFormat(cid)
  if (format === undefined) return unixfsAnswer(found)
  const preview = request.wanted.acceptsHtml && !request.download ? await previewAnswer(found) : undefined
  return preview ?? documentAnswer(found, format)
}

async function unixfsAnswer(found: Found): Promise<Answer> {
  const { cid, request, blocks } = found
  const entry = await openUnixfs(cid, { read: blocks.read })
  switch (entry.type) {
    case 'file':
      return fileAnswer(found, entry, request.path.segments.at(-1))
    case 'folder':
      return folderAnswer(found, entry)
    case 'symlink':
      return symlinkAnswer(found, entry.target)
    case 'other':
      throw new GatewayError(
        406,
        `${cid} is no file or document that can be shown: ask for format=raw or car`,
      )
  }
}
