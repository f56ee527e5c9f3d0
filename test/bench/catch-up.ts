/** How fast a fresh peer catches up with one that holds a history of one-delta pins: `bun test/bench/catch-up.ts [pins]`. */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

const pins = Number(process.argv[2] ?? 100_000)
await using holder = start([`${pins}`])
const { address } = await holder.next()
console.log(`${pins} pins, one delta each`)
await using newcomer = start([`${pins}`, address])
await newcomer.next()
const { seconds, cpu, memory } = await newcomer.next()
console.log(
  `caught up in ${seconds.toFixed(1)} s (${cpu.toFixed(1)} s of CPU): ${Math.round(pins / seconds)} pins/s, ` +
    `${Math.round(memory / 2 ** 20)} MiB`,
)

function start(args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'history-peer.ts'), ...args], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = createInterface({ input: Readable.fromWeb(child.stdout as never) })[Symbol.asyncIterator]()
  return {
    async next() {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`a peer ended with ${await child.exited}`)
      return JSON.parse(value)
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end()
      await child.exited
    },
  }
}
