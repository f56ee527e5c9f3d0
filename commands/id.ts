/** `cluster id`. */
import { command } from './command.ts'
import { idText } from './text/id.ts'

export default command({
  args: {},
  examples: [
    ['cluster id', 'shows ID, name and addresses of the peer and of its IPFS node'],
    ['cluster id --host /ip4/10.0.0.2/tcp/9094', 'asks another peer'],
  ],
  async run({ session }) {
    const client = await session.client()
    const id = await client.id({ signal: session.signal })
    await session.print(id, idText)
  },
})
