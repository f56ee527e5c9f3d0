/** `cluster peers ls`. */
import { command } from '../command.ts'
import { idText } from '../text/id.ts'

export default command({
  args: {},
  details:
    'Each peer is asked for what it says of itself; one that does not answer in time is listed with the reason.',
  examples: [
    ['cluster peers ls', 'lists all peers with their addresses and IPFS nodes'],
    ['cluster peers ls --json', 'lists them for a program, one object after another'],
  ],
  async run({ session }) {
    const client = await session.client()
    for await (const id of client.peers({ signal: session.signal })) await session.print(id, idText)
  },
})
