/** `cluster pin update`. */
import { parseCid } from '../../core/pin/cid-text.ts'
import { pathArgument } from '../cid.ts'
import { command } from '../command.ts'
import { CommandError } from '../errors.ts'
import { expiryFlag, expiryOf, nameFlag } from './options.ts'
import { checkedWait, outcomeFlags, showOutcome } from './outcome.ts'

export default command({
  args: {
    existing: {
      type: 'positional',
      hint: 'existing CID',
      required: true,
      description: 'the pin to take the options from',
    },
    new: { type: 'positional', hint: 'new CID|path', required: true, description: 'what to pin' },
    ...nameFlag,
    ...expiryFlag,
    ...outcomeFlags,
  },
  details:
    'The new pin has the options and the allocations of the existing one, which stays pinned. IPFS nodes fetch only what\n' +
    'is different.',
  examples: [['cluster pin update <old CID> <new CID>', 'pins the new version beside the old']],
  async run({ args, session }) {
    const outcome = checkedWait(args, session)
    const path = pathArgument(args.new)
    const client = await session.client()
    const pin = await client.pinUpdate(
      existingCid(args.existing),
      path,
      { name: args.name, ...expiryOf(args.expireIn) },
      { signal: session.signal },
    )
    await showOutcome(session, pin, 'pinned', outcome)
  },
})

function existingCid(text: string) {
  try {
    return parseCid(text)
  } catch (cause) {
    throw new CommandError('parsing from Cid', cause)
  }
}
