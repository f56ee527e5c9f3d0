/** `cluster pin ls`. */
import type { PinObject } from '../../core/client/shapes.ts'
import { parseCid } from '../../core/pin/cid-text.ts'
import { PinNotFoundError } from '../../core/pin/errors.ts'
import { pinToJson, pinTypeOf } from '../../core/pin/json.ts'
import type { PinType } from '../../core/pin/pin.ts'
import { cidArgument } from '../cid.ts'
import { command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { fromPeerOrFiles } from '../peer-or-files.ts'
import { pinText } from '../text/pin.ts'

export default command({
  args: {
    cid: { type: 'positional', hint: 'CID', description: 'only this pin' },
    filter: {
      type: 'string',
      default: 'all',
      hint: 'types',
      description: 'all, pin, meta-pin, clusterdag-pin, shard-pin; comma separated',
    },
  },
  details:
    'Lists what is pinned, and where it is allocated; "cluster status" tells how far each peer is. When no peer runs, the\n' +
    'list comes from its files.',
  examples: [
    ['cluster pin ls', 'lists all pins'],
    ['cluster pin ls --json <CID>', 'shows all that is stored of a pin'],
  ],
  async run({ args, session }) {
    const types = typesOf(args.filter)
    const pins = fromPeerOrFiles<PinObject>(
      session,
      async function* () {
        const client = await session.client()
        if (args.cid === undefined) yield* client.allocations(args.filter, { signal: session.signal })
        else yield await client.allocation(cidArgument(args.cid), { signal: session.signal })
      },
      function* (pinset) {
        if (args.cid === undefined) {
          for (const pin of pinset.pins(types)) yield pinToJson(pin, 'stored')
          return
        }
        const pin = pinset.pin(parseCid(cidArgument(args.cid)))
        if (pin === undefined) throw new PinNotFoundError()
        yield pinToJson(pin, 'stored')
      },
    )
    for await (const pin of pins) await session.print(pin, pinText)
  },
})

/** Undefined for all. As in the API, unknown names beside known ones do not matter. */
function typesOf(filter: string): PinType[] | undefined {
  const names = filter.split(',').map((name) => name.trim())
  if (filter.trim() === '' || names.includes('all')) return undefined
  const types = names.flatMap((name) => pinTypeOf(name) ?? [])
  if (types.length > 0) return types
  throw new UsageError(
    `flag --filter is ${JSON.stringify(filter)}; it must be all, pin, meta-pin, clusterdag-pin or shard-pin`,
  )
}
