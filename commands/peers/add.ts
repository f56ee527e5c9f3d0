/** `cluster peers add`. */
import { command } from '../command.ts'
import { peerIdArgument } from '../peer-id.ts'
import { idText } from '../text/id.ts'

export default command({
  args: {
    peer: { type: 'positional', hint: 'peer ID', required: true, description: 'the peer to add' },
  },
  details:
    'The peer has to answer the one that is asked, and is shown. A peer becomes a member by its own signs of life, so that\n' +
    'it is enough to start it with "cluster daemon --bootstrap" and the address of a member.',
  examples: [
    ['cluster peers add <peer ID>', 'checks that the peers reach each other, and shows the new one'],
  ],
  async run({ args, session }) {
    const client = await session.client()
    const id = await client.peerAdd(peerIdArgument(args.peer), { signal: session.signal })
    await session.print(id, idText)
  },
})
