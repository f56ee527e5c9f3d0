/** The routes of pins: `/allocations` and `/pins` (`spec/rest-api.md` §6, §9). */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../../error-text.ts'
import { parseCid } from '../../pin/cid-text.ts'
import type { GoJson } from '../../pin/go-json.ts'
import { globalPinInfoToJson } from '../../pin/info-json.ts'
import { pinToJson, pinTypeOf } from '../../pin/json.ts'
import { pinOptionsFromQuery } from '../../pin/options.ts'
import type { PinOptions, PinType } from '../../pin/pin.ts'
import { parseStatusFilter } from '../../pin/status.ts'
import type { Clock } from '../../runtime/ports.ts'
import type { PeerService } from '../peer-service.ts'
import { type Call, isLocal, type Route, switchFrom } from './call.ts'
import { RequestError } from './errors.ts'
import { mapInParallel } from './parallel.ts'
import { parsePinPath } from './pin-path.ts'

/** CIDs that one `GET /pins` may name. */
const maxCids = 1000
/** Of which so many are asked for at once. */
const cidsAtOnce = 16

const pathPattern = '/pins/:namespace{ipfs|ipns|ipld}/:path{.+}'

export function pinRoutes(service: PeerService, clock: Clock): Route[] {
  const optionsOf = ({ query }: Call): PinOptions =>
    pinOptionsFromQuery(query, BigInt(clock.now()) * 1_000_000n)
  return [
    {
      method: 'GET',
      path: '/allocations',
      handle({ query, reply, signal }) {
        const types = typesFrom(query.get('filter') ?? '')
        return reply.rows(mapped(service.allocations(types, { signal }), (pin) => pinToJson(pin, 'stored')))
      },
    },
    {
      method: 'GET',
      path: '/allocations/:hash',
      async handle(call) {
        call.reply.json(pinToJson(await service.allocation(cidOf(call)), 'stored'))
      },
    },
    {
      method: 'GET',
      path: '/pins',
      handle({ query, reply, signal }) {
        const options = { local: isLocal(query), signal }
        const cids = query.get('cids')
        const infos = cids
          ? mapInParallel(cidsFrom(cids), cidsAtOnce, (cid) => service.status(cid, options))
          : service.statusAll(statusFilterFrom(query.get('filter') ?? ''), options)
        return reply.rows(mapped(infos, globalPinInfoToJson))
      },
    },
    {
      method: 'POST',
      path: '/pins/:hash/recover',
      async handle(call) {
        const options = { local: isLocal(call.query), signal: call.signal }
        call.reply.json(globalPinInfoToJson(await service.recover(cidOf(call), options)))
      },
    },
    {
      method: 'POST',
      path: '/pins/recover',
      handle({ query, reply, signal }) {
        const infos = service.recoverAll({ local: isLocal(query), signal })
        return reply.rows(mapped(infos, globalPinInfoToJson))
      },
    },
    {
      method: 'GET',
      path: '/pins/:hash',
      async handle(call) {
        const options = { local: isLocal(call.query), signal: call.signal }
        call.reply.json(globalPinInfoToJson(await service.status(cidOf(call), options)))
      },
    },
    {
      method: 'POST',
      path: '/pins/:hash',
      async handle(call) {
        const pin = isDryRun(call) ? service.planPin.bind(service) : service.pin.bind(service)
        call.reply.json(pinToJson(await pin(cidOf(call), optionsOf(call)), 'submitted'))
      },
    },
    {
      method: 'POST',
      path: pathPattern,
      async handle(call) {
        const { path, cid } = pathOf(call)
        const options = optionsOf(call)
        const { signal } = call
        // A bare `/ipfs/<cid>` needs nobody to resolve it.
        const plan = () =>
          cid ? service.planPin(cid, options) : service.planPinPath(path, options, { signal })
        const pin = () => (cid ? service.pin(cid, options) : service.pinPath(path, options, { signal }))
        call.reply.json(pinToJson(await (isDryRun(call) ? plan() : pin()), 'submitted'))
      },
    },
    {
      method: 'DELETE',
      path: '/pins/:hash',
      async handle(call) {
        optionsOf(call)
        call.reply.json(pinToJson(await service.unpin(cidOf(call), call), 'stored'))
      },
    },
    {
      method: 'DELETE',
      path: pathPattern,
      async handle(call) {
        const { path, cid } = pathOf(call)
        optionsOf(call)
        const pin = await (cid ? service.unpin(cid, call) : service.unpinPath(path, call))
        call.reply.json(pinToJson(pin, 'stored'))
      },
    },
  ]
}

async function* mapped<Row>(rows: AsyncIterable<Row>, toJson: (row: Row) => GoJson): AsyncGenerator<GoJson> {
  for await (const row of rows) yield toJson(row)
}

/** Nothing is stored; the answer says what would be. Ours: the original has no such thing. */
function isDryRun({ query }: Call): boolean {
  return switchFrom(query, 'dry-run', false)
}

function cidOf({ parameters }: Call): CID {
  return decodedCid(parameters.hash!)
}

function decodedCid(text: string): CID {
  try {
    return parseCid(text)
  } catch (cause) {
    throw new RequestError(`error decoding Cid: ${messageOf(cause)}`, { cause })
  }
}

function pathOf({ parameters }: Call): { path: string; cid: CID | undefined } {
  return parsePinPath(`/${parameters.namespace}/${parameters.path}`)
}

function cidsFrom(list: string): CID[] {
  const texts = list.split(',')
  if (texts.length > maxCids) {
    throw new RequestError(`cids has ${texts.length} CIDs, at most ${maxCids} are taken at once`)
  }
  return texts.map(decodedCid)
}

/** Unknown names next to known ones are passed over, as in the original. */
function typesFrom(filter: string): PinType[] | undefined {
  const names = filter.split(',').map((name) => name.trim())
  if (filter === '' || names.includes('all')) return undefined
  const types = names.map(pinTypeOf).filter((type) => type !== undefined)
  if (types.length === 0) throw new RequestError('invalid filter value')
  return types
}

function statusFilterFrom(text: string): number {
  const filter = parseStatusFilter(text)
  if (filter === undefined) throw new RequestError('invalid filter value')
  return filter
}
