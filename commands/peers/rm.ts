/** `cluster peers rm`. */
import { command } from '../command.ts'
import { peerIdArgument } from '../peer-id.ts'

export default command({
  args: {
    peer: { type: 'positional', hint: 'peer ID', required: true, description: 'the peer to remove' },
  },
  details:
    'A CRDT cluster refuses: a peer is a member for as long as it runs and says so, and is missed half a minute after it\n' +
    'was stopped. A raft cluster of the original does it.',
  examples: [['cluster peers rm <peer ID>', 'removes a peer that will not come back']],
  async run({ args, session }) {
    const client = await session.client()
    await client.peerRemove(peerIdArgument(args.peer), { signal: session.signal })
  },
})
