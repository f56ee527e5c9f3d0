/** `cluster token`. */
import { command } from './command.ts'

export default command({
  args: {},
  details:
    'A token stands for the user whose credentials were given, at every peer that has the same user and password. It is\n' +
    'good until the password is changed.',
  examples: [
    ['cluster token --basic-auth ann:secret', 'prints a token for the user ann'],
    ['cluster token --json --force-http', 'uses CLUSTER_CREDENTIALS without TLS'],
  ],
  async run({ session }) {
    const client = await session.client()
    const token = await client.token({ signal: session.signal })
    await session.print(token, (shown) => `${shown.token}\n`)
  },
})
