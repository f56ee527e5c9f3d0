/** Merges lists that are each in the order of their keys, of which no more is in memory than what comes next of each. */

export interface Sorted {
  /** Of what comes next; undefined after the last. */
  readonly key: Uint8Array | undefined
  /** Goes on to what comes after. A promise only when that must be waited for. */
  advance(): Promise<void> | undefined
}

/** For each key, in byte order, the lists that have it next. They go on when the consumer asks for the next key. */
export async function* mergedByKey<List extends Sorted>(
  lists: readonly List[],
): AsyncGenerator<{ key: Uint8Array; having: List[] }> {
  for (;;) {
    const key = smallestKey(lists)
    if (key === undefined) return
    const having = lists.filter((list) => list.key !== undefined && Buffer.compare(list.key, key) === 0)
    yield { key, having }
    for (const list of having) {
      const waiting = list.advance()
      if (waiting !== undefined) await waiting
    }
  }
}

function smallestKey(lists: readonly Sorted[]): Uint8Array | undefined {
  let smallest: Uint8Array | undefined
  for (const { key } of lists) {
    if (key !== undefined && (smallest === undefined || Buffer.compare(key, smallest) < 0)) smallest = key
  }
  return smallest
}
