/** `cluster ipfs gc`. */
import { command } from '../command.ts'
import { repoGcText } from '../text/pin.ts'

export default command({
  args: {
    local: { type: 'boolean', description: 'only on the IPFS node of the peer that is asked' },
  },
  examples: [['cluster ipfs gc --local', 'frees the space of what no pin holds, and lists it']],
  async run({ args, session }) {
    const client = await session.client()
    const report = await client.repoGc({ local: args.local, signal: session.signal })
    await session.print(report, repoGcText)
  },
})
