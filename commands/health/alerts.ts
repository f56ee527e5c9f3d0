/** `cluster health alerts`. */
import { command } from '../command.ts'
import { alertText } from '../text/monitoring.ts'

export default command({
  args: {},
  details:
    'A peer whose ping has run out is gone, or cannot be reached by the one that is asked. Each metric is listed once until\n' +
    'a new one comes, the newest alert first.',
  examples: [
    ['cluster health alerts', 'lists the metrics that ran out'],
    ['cluster health alerts --json', 'shows them for a program, in one array'],
  ],
  async run({ session }) {
    const client = await session.client()
    const alerts = await client.alerts({ signal: session.signal })
    await session.print(alerts, (shown) =>
      (shown ?? []).map((alert) => alertText(alert, Date.now())).join(''),
    )
  },
})
