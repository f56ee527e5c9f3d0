/** `cluster pin rm`. */
import { pathArgument } from '../cid.ts'
import { command } from '../command.ts'
import { checkedWait, outcomeFlags, showOutcome } from './outcome.ts'

export default command({
  args: {
    cid: { type: 'positional', hint: 'CID|path', required: true, description: 'what to unpin' },
    ...outcomeFlags,
  },
  examples: [
    ['cluster pin rm <CID>', 'unpins; peers let go of it in their own time'],
    ['cluster pin rm --wait <CID>', 'waits until all peers have let go of it'],
  ],
  async run({ args, session }) {
    const outcome = checkedWait(args, session)
    const path = pathArgument(args.cid)
    const client = await session.client()
    const pin = await client.unpin(path, { signal: session.signal })
    await showOutcome(session, pin, 'unpinned', outcome)
  },
})
