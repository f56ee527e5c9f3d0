/**
 * Begins a stream before the head of its answer is sent, so that what fails early fails with a status and is not a broken
 * answer. Rejects with what the first `bytes` fail with.
 */
export async function begun(
  pieces: AsyncGenerator<Uint8Array>,
  bytes: number,
): Promise<AsyncGenerator<Uint8Array>> {
  const first: Uint8Array[] = []
  for (let size = 0; size < bytes; ) {
    const { value, done } = await pieces.next()
    if (done) break
    first.push(value)
    size += value.length
  }
  return (async function* () {
    yield* first.splice(0)
    yield* pieces
  })()
}
