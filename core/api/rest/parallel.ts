/** Asks for many things, some at a time, and gives the answers as they come. Ends at the first that fails. */
export async function* mapInParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  ask: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running = new Map<number, Promise<{ index: number; result: Result }>>()
  const start = (index: number) =>
    running.set(
      index,
      ask(items[index]!).then((result) => ({ index, result })),
    )
  let next = 0
  while (next < Math.min(limit, items.length)) start(next++)
  try {
    while (running.size > 0) {
      const { index, result } = await Promise.race(running.values())
      running.delete(index)
      if (next < items.length) start(next++)
      yield result
    }
  } finally {
    // Those that still run when it ends early are nobody's failures.
    for (const each of running.values()) each.catch(() => undefined)
  }
}
