/** Spools 500 MB into the folder that it is given, reads them back, and writes by how much its resident memory grew. */
import { RowSpool } from '../../../core/store/row-spool.ts'

const count = 8_000
const rowBytes = 64 * 1024

Bun.gc(true)
const before = process.memoryUsage().rss
let most = before
using spool = new RowSpool(process.argv[2]!)
let rows = 0
for (let number = 0; number < count; number++) {
  const bytes = new Uint8Array(rowBytes).fill(number)
  spool.add({ key: Buffer.from(String((number * 7_919) % count)), peer: 'peer', bytes })
  look(number)
}
for (const _ of spool.rows()) look(rows++)
process.stdout.write(JSON.stringify({ rows, grown: most - before }))

function look(number: number): void {
  if (number % 500 !== 0) return
  Bun.gc(true)
  most = Math.max(most, process.memoryUsage().rss)
}
