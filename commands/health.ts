/** `cluster health`, without a command after it. */
import { command } from './command.ts'
import { PeerUnwellError } from './errors.ts'

export default command({
  args: {},
  details:
    'Ends with 0 when the peer answers and with 1 when it does not. No credentials are needed for that.',
  examples: [
    ['cluster health', 'tells whether the peer answers'],
    [
      'cluster health --timeout 5 --host /ip4/10.0.0.2/tcp/9094',
      'waits 5 s at most, as probes of containers do',
    ],
  ],
  async run({ session }) {
    const client = await session.client()
    try {
      await client.health({ signal: session.signal })
    } catch (error) {
      if (error instanceof Error && error.name === 'ApiError') throw new PeerUnwellError(error)
      throw error
    }
    await session.print({ healthy: true }, () => 'healthy\n')
  },
})
