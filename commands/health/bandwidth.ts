/** `cluster health bandwidth`. */
import { command } from '../command.ts'
import { bandwidthText } from '../text/monitoring.ts'

export default command({
  args: {},
  examples: [
    ['cluster health bandwidth', 'shows what the peer that is asked has sent and received, by protocol'],
  ],
  async run({ session }) {
    const client = await session.client()
    const bandwidth = await client.bandwidth({ signal: session.signal })
    await session.print(bandwidth, bandwidthText)
  },
})
