/** Bodies of HTTP answers from outside, read no further than a bound. */

/** Throws when the body is longer than `limit` bytes. */
export async function readBody(response: Response, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bodyChunks(response, limit)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The lines of the body, without line ends; a last line that is not ended counts. Throws as `readBody`. */
export async function* bodyLines(response: Response, limit: number): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bodyChunks(response, limit)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

async function* bodyChunks(response: Response, limit: number): AsyncGenerator<Uint8Array> {
  let length = 0
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > limit) throw new Error(`the answer is longer than ${limit} bytes`)
    yield chunk
  }
}
