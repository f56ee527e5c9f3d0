/** Records on a `SimulatedDisk`: length, checksum, payload. Reading stops before the first that is not whole. */
import type { Scheduler } from '../../core/runtime/ports.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

const headerBytes = 8

export class RecordLog {
  readonly #disk: SimulatedDisk

  constructor(disk: SimulatedDisk) {
    this.#disk = disk
  }

  /** Resolves when the record is durable. Throws `NoSpaceError`. */
  async append(payload: Uint8Array, scheduler: Scheduler): Promise<void> {
    const record = new Uint8Array(headerBytes + payload.length)
    const header = new DataView(record.buffer)
    header.setUint32(0, payload.length)
    header.setUint32(4, Bun.hash.crc32(payload))
    record.set(payload, headerBytes)
    this.#disk.append(record)
    await this.#disk.sync(scheduler)
  }

  /** All whole records; what a crash left behind the last of them is cut off. */
  replay(): Uint8Array[] {
    const bytes = this.#disk.read()
    const records: Uint8Array[] = []
    let position = 0
    for (
      let payload = recordAt(bytes, position);
      payload !== undefined;
      payload = recordAt(bytes, position)
    ) {
      records.push(payload)
      position += headerBytes + payload.length
    }
    this.#disk.truncate(position)
    return records
  }
}

function recordAt(bytes: Uint8Array, position: number): Uint8Array | undefined {
  if (bytes.length - position < headerBytes) return undefined
  const header = new DataView(bytes.buffer, bytes.byteOffset + position, headerBytes)
  const length = header.getUint32(0)
  const payload = bytes.subarray(position + headerBytes, position + headerBytes + length)
  return payload.length === length && Bun.hash.crc32(payload) === header.getUint32(4) ? payload : undefined
}
