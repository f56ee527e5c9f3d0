/** Ends a wait for input that may never come. */

/** What `items` yields, until `signal` is aborted: its reason is then thrown, also in the middle of a wait. */
export async function* abortable<Item>(
  items: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  // Nobody may be waiting when it comes.
  aborted.catch(() => undefined)
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  const iterator = items[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // Not waited for: it ends when the pending read does.
    Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}
