/** Lines of a stream of bytes. */

const newline = 10

/** Yields lines without their ends. Calls `tooLong`, which throws, for a line of more than `limit` bytes. */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
  tooLong: () => never,
): AsyncGenerator<string> {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    let from = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      size += end - from
      if (size > limit) tooLong()
      yield parts.length === 0 ? textOf(chunk, from, end) : joined(parts, chunk.subarray(from, end))
      parts = []
      size = 0
      from = end + 1
    }
    size += chunk.length - from
    if (size > limit) tooLong()
    if (from < chunk.length) parts.push(chunk.subarray(from))
  }
  if (size > 0) yield Buffer.concat(parts).toString()
}

/** Most lines lie in one chunk: they are not copied. */
function textOf(chunk: Uint8Array, from: number, end: number): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset + from, end - from).toString()
}

function joined(parts: Uint8Array[], last: Uint8Array): string {
  return Buffer.concat([...parts, last]).toString()
}
