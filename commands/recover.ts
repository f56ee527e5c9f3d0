/** `cluster recover`. */
import { cidArgument } from './cid.ts'
import { command } from './command.ts'
import { statusText } from './text/pin.ts'

export default command({
  args: {
    cid: {
      type: 'positional',
      hint: 'CID',
      description: 'what to try again; all that failed when not given',
    },
    local: { type: 'boolean', description: 'only on the peer that is asked' },
  },
  examples: [
    ['cluster recover', 'queues all failed pins and unpins again, and lists them'],
    ['cluster recover --local <CID>', 'tries one again, on one peer'],
  ],
  async run({ args, session }) {
    const client = await session.client()
    const options = { local: args.local, signal: session.signal }
    if (args.cid !== undefined) {
      const status = await client.recover(cidArgument(args.cid), options)
      return await session.print(status, statusText)
    }
    for await (const status of client.recoverAll(options)) {
      await session.print(status, statusText)
    }
  },
})
