/** `cluster health metrics`. */
import { command } from '../command.ts'
import { metricText } from '../text/monitoring.ts'

export default command({
  args: {
    name: { type: 'positional', hint: 'metric', description: 'show the newest valid one of each peer' },
  },
  details:
    'Without a metric, lists the names of those that there are: usually ping, freespace, pinqueue and tag:group.',
  examples: [
    ['cluster health metrics', 'lists the names of all metrics'],
    ['cluster health metrics freespace', 'shows how much room each peer has'],
  ],
  async run({ args, session }) {
    const client = await session.client()
    const options = { signal: session.signal }
    if (args.name === undefined) {
      const names = await client.metricNames(options)
      return await session.print(names, (shown) => (shown ?? []).map((name) => `${name}\n`).join(''))
    }
    const metrics = await client.metrics(args.name, options)
    await session.print(metrics, (shown) =>
      (shown ?? []).map((metric) => metricText(metric, Date.now())).join(''),
    )
  },
})
