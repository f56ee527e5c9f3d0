/** "Did you mean": the known word that a mistyped one is nearest to. */

/** The nearest of `known`, when it is near enough to be meant. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  let best: { word: string; distance: number } | undefined
  for (const word of known) {
    const distance = editDistance(written.toLowerCase(), word.toLowerCase())
    if (distance <= allowance(word) && (best === undefined || distance < best.distance)) {
      best = { word, distance }
    }
  }
  return best?.word
}

/** Mistakes that may be in a word of this length. */
function allowance(word: string): number {
  return word.length <= 2 ? 0 : Math.max(1, Math.floor(word.length / 3))
}

/** Insertions, deletions, changes and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const change = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      let least = Math.min(change, last[column]! + 1, current[column - 1]! + 1)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        least = Math.min(least, beforeLast[column - 2]! + 1)
      }
      current.push(least)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
