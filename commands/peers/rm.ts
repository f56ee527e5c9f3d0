/** `cluster peers rm`. */
import { command } from '../command.ts'
import { peerIdArgument } from '../peer-id.ts'

export default command({
  args: {
    peer: { type: 'positional', hint: 'peer ID', required: true, description: 'the peer to remove' },
  },
  details:
    'Its pins are given to other peers first, which takes as long as it takes; then it is given none any more, until it is\n' +
    'added again. It stays in the list for as long as it runs. Peers of the original go on giving it pins.',
  examples: [
    [
      'cluster peers rm <peer ID>',
      'takes a peer out that is to be stopped for good, or that will not come back',
    ],
  ],
  async run({ args, session }) {
    const client = await session.client()
    await client.peerRemove(peerIdArgument(args.peer), { signal: session.signal })
  },
})
