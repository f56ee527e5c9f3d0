/** What a CAR is to hold (https://specs.ipfs.tech/http-gateways/trustless-gateway/). */
import { GatewayError } from './errors.ts'

export interface CarParameters {
  scope: 'all' | 'entity' | 'block'
  /** Inclusive; negative ones count from the end of the file, `*` is the end. */
  bytes: { from: number; to: number | '*' } | undefined
  /** Blocks that are linked to again are sent again. */
  duplicates: boolean
}

/** `accepted`: of the media type in `Accept`; the query goes first. Throws `GatewayError`. */
export function readCarParameters(
  query: URLSearchParams,
  accepted: ReadonlyMap<string, string>,
): CarParameters {
  const parameter = (name: string) => query.get(`car-${name}`) ?? accepted.get(name)
  const version = parameter('version') ?? '1'
  if (version !== '1') throw new GatewayError(406, `CAR version ${version} is not offered: only 1 is`)
  const order = parameter('order') ?? 'dfs'
  if (order !== 'dfs' && order !== 'unk') throw new GatewayError(400, 'car-order must be dfs or unk')
  const duplicates = parameter('dups') ?? 'n'
  if (duplicates !== 'y' && duplicates !== 'n') throw new GatewayError(400, 'car-dups must be y or n')
  const scope = query.get('dag-scope') ?? 'all'
  if (scope !== 'all' && scope !== 'entity' && scope !== 'block') {
    throw new GatewayError(400, 'dag-scope must be all, entity or block')
  }
  return { scope, bytes: readEntityBytes(query.get('entity-bytes')), duplicates: duplicates === 'y' }
}

function readEntityBytes(text: string | null): CarParameters['bytes'] {
  if (text === null) return undefined
  const match = /^(-?\d{1,16}):(-?\d{1,16}|\*)$/.exec(text)
  if (match === null) throw new GatewayError(400, 'entity-bytes must be from:to, such as 0:1023 or -100:*')
  return { from: Number(match[1]), to: match[2] === '*' ? '*' : Number(match[2]) }
}
