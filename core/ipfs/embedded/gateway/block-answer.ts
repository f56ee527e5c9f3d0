/** Single blocks, as they are: `?format=raw`, and documents in JSON or CBOR. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import type { CID } from 'multiformats/cid'
import type { Answer } from './answer.ts'
import { etagOf } from './caching.ts'
import { contentAnswer } from './content-answer.ts'
import { disposition } from './disposition.ts'
import { GatewayError } from './errors.ts'
import type { Found } from './found.ts'
import { mediaTypes, type NamedFormat } from './negotiation.ts'

const json = 0x0200
const cbor = 0x51

type DocumentFormat = 'json' | 'cbor' | 'dag-json' | 'dag-cbor'

/** The format of a codec is that of its blocks. */
const documents: Readonly<Record<number, DocumentFormat>> = {
  [json]: 'json',
  [cbor]: 'cbor',
  [dagJson.code]: 'dag-json',
  [dagCbor.code]: 'dag-cbor',
}

/** Undefined when blocks of that codec are no documents. */
export function documentFormat(cid: CID): DocumentFormat | undefined {
  return documents[cid.code]
}

export async function rawAnswer(found: Found): Promise<Answer> {
  const { cid, request } = found
  return wholeBlock(found, 'raw', disposition('attachment', request.filename ?? `${cid}.bin`))
}

/** `format`: the one of the block, or the one without `dag-`. Nothing is converted from one into another. */
export async function documentAnswer(found: Found, format: DocumentFormat): Promise<Answer> {
  const { cid, request } = found
  const own = documentFormat(cid)
  if (own !== format && own !== `dag-${format}`) {
    throw new GatewayError(
      406,
      `the block is ${own ?? 'no document'}, and not converted into ${format}: ask for format=raw and convert it`,
    )
  }
  // Browsers show JSON, and save CBOR.
  const isJson = format.endsWith('json')
  const name = request.filename ?? `${cid}.${isJson ? 'json' : 'cbor'}`
  const kind = isJson && !request.download ? 'inline' : 'attachment'
  return wholeBlock(found, format, disposition(kind, name))
}

async function wholeBlock(found: Found, format: NamedFormat, filed: string): Promise<Answer> {
  const bytes = await found.blocks.read(found.cid)
  return contentAnswer(found, {
    etag: etagOf(found.cid, format),
    type: async () => mediaTypes[format],
    size: bytes.length,
    disposition: filed,
    bytes: ({ start, end }) => bytes.subarray(start, end),
  })
}
