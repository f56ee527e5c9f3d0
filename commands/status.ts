/** `cluster status`. */
import type { GlobalPinObject } from '../core/client/shapes.ts'
import { parseCid } from '../core/pin/cid-text.ts'
import { globalPinInfoToJson } from '../core/pin/info-json.ts'
import { parseStatusFilter, statusBits } from '../core/pin/status.ts'
import { cidArgument } from './cid.ts'
import { command } from './command.ts'
import { CommandError } from './errors.ts'
import { fromPeerOrFiles } from './peer-or-files.ts'
import { statusText } from './text/pin.ts'

const filterNames = [...Object.keys(statusBits).slice(1), 'error', 'queued'].sort().join(', ')

export default command({
  args: {
    cids: { type: 'positional', hint: 'CID', many: true, description: 'only these; all pins when not given' },
    local: { type: 'boolean', description: 'only what the peer that is asked knows of itself' },
    filter: {
      type: 'string',
      default: '',
      hint: 'statuses',
      description: 'only peers in these statuses, comma separated',
    },
  },
  details: `Statuses: ${filterNames}.\nWhen no peer runs, the list is what its files say it last knew of itself.`,
  examples: [
    ['cluster status', 'shows every pin, peer by peer'],
    ['cluster status --filter error', 'shows what failed'],
    ['cluster status --json <CID> <CID>', 'shows two of them, for a program'],
  ],
  async run({ args, session }) {
    const filter = parseStatusFilter(args.filter)
    if (filter === undefined) throw new CommandError('parsing filter flag', 'invalid filter name')
    const cids = args.cids.map(cidArgument)
    const options = { local: args.local, signal: session.signal }
    const statuses = fromPeerOrFiles<GlobalPinObject>(
      session,
      async function* () {
        const client = await session.client()
        if (cids.length === 1) yield await client.status(cids[0]!, options)
        else yield* client.statusAll({ ...options, cids, filter: args.filter })
      },
      function* (pinset) {
        const now = Date.now()
        const infos =
          cids.length === 0
            ? pinset.statuses(filter, now)
            : cids.map((cid) => pinset.status(parseCid(cid), now)).values()
        for (const info of infos) yield globalPinInfoToJson(info)
      },
    )
    for await (const status of statuses) await session.print(status, statusText)
  },
})
