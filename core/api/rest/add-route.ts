/** `POST /add` (`spec/rest-api.md` §8). */
import type { AddedOutput, AddParameters } from '../../adder/add.ts'
import { type GoJson, goJson } from '../../pin/go-json.ts'
import { pinOptionsFromQuery } from '../../pin/options.ts'
import type { Runtime } from '../../runtime/ports.ts'
import type { PeerService } from '../peer-service.ts'
import { AnswerSpool } from './answer-spool.ts'
import { type Call, type Route, switchFrom } from './call.ts'
import { RequestError } from './errors.ts'
import { boundaryOf } from './multipart.ts'
import { readBody } from './request-body.ts'
import { readUpload } from './upload.ts'

/** Uploads at once; each holds some blocks in memory. */
const maxUploads = 64

/** `folder`: for answers that their clients do not read while they send. */
export function addRoute(
  service: PeerService,
  folder: string,
  { clock, scheduler }: Pick<Runtime, 'clock' | 'scheduler'>,
): Route {
  let uploads = 0
  return {
    method: 'POST',
    path: '/add',
    async handle(call) {
      const boundary = boundaryOf(call.incoming.headers['content-type'])
      if (boundary === undefined) throw new RequestError("request Content-Type isn't multipart/form-data")
      const parameters = addParametersFrom(call.query, BigInt(clock.now()) * 1_000_000n)
      const isStream = switchFrom(call.query, 'stream-channels', true)
      if (uploads === maxUploads) {
        throw new RequestError(`${maxUploads} uploads are under way already: try again later`, {
          status: 503,
        })
      }
      uploads++
      try {
        const parts = readUpload(readBody(call.incoming, scheduler), boundary)
        await using spool = new AnswerSpool(folder)
        const lines = toJson(service.add(parts, parameters, { signal: call.signal }))
        await answer(call, lines, isStream, spool)
      } finally {
        uploads--
      }
    },
  }
}

/**
 * The status waits for the first line, so that an error before it is seen by every client, and in an array for the last one.
 * Lines wait for the client on disk: many clients send all files before they read anything.
 */
async function answer(
  { reply }: Call,
  lines: AsyncIterable<GoJson>,
  isStream: boolean,
  spool: AnswerSpool,
): Promise<void> {
  reply.setHeader('Cache-Control', 'no-cache')
  reply.setHeader('Connection', 'close')
  if (isStream) {
    reply.setHeader('X-Chunked-Output', '1')
    return reply.rows(lines, { trailerOnSuccess: false, spool })
  }
  let before = '['
  for await (const line of lines) {
    await spool.push(`${before}${goJson(line)}`)
    before = ','
  }
  await spool.push(before === '[' ? '[]\n' : ']\n')
  spool.end()
  return reply.spooled(spool)
}

async function* toJson(lines: AsyncIterable<AddedOutput>): AsyncGenerator<GoJson> {
  for await (const { name, cid, bytes, size, allocations, warnings } of lines) {
    yield {
      name,
      cid: cid?.toString() ?? null,
      bytes: bytes || undefined,
      size: size || undefined,
      allocations: allocations?.length ? allocations : undefined,
      warnings: warnings?.length ? warnings : undefined,
    }
  }
}

/** Throws `RequestError` and `InvalidPinOptionError`. */
function addParametersFrom(query: URLSearchParams, now: bigint): AddParameters {
  const { pinUpdate: _, ...pin } = pinOptionsFromQuery(query, now)
  const cidVersion = cidVersionFrom(query.get('cid-version'))
  const isOn = (name: string, initial = false) => switchFrom(query, name, initial)
  return {
    pin: { ...pin, mode: 'recursive' },
    format: oneOf(query.get('format') || 'unixfs', ['unixfs', 'car'], 'format parameter is invalid'),
    layout: oneOf(query.get('layout') || 'balanced', ['balanced', 'trickle'], 'layout parameter is invalid'),
    chunker: query.get('chunker') || 'size-262144',
    hash: query.get('hash') || 'sha2-256',
    cidVersion,
    rawLeaves: isOn('raw-leaves', cidVersion > 0),
    wrapWithDirectory: isOn('wrap-with-directory'),
    shard: isOn('shard'),
    local: isOn('local'),
    progress: isOn('progress'),
    noPin: isOn('no-pin'),
    nocopy: isOn('nocopy'),
  }
}

function cidVersionFrom(text: string | null): 0 | 1 {
  if (!text || text === '0') return 0
  if (text === '1') return 1
  throw new RequestError('parameter cid-version invalid')
}

function oneOf<const Word extends string>(text: string, words: readonly Word[], message: string): Word {
  const found = words.find((word) => word === text)
  if (found === undefined) throw new RequestError(message)
  return found
}
