/** "Did you mean": the known word that a mistyped one is nearest to. */
import { type CommandChildren, commandPaths } from './tree-node.ts'

/** What other programs call the commands of this one. */
const otherNames: Readonly<Record<string, string>> = {
  ...{ list: 'ls', show: 'ls', remove: 'rm', delete: 'rm', del: 'rm', unpin: 'rm' },
  ...{ create: 'add', upload: 'add', start: 'daemon', run: 'daemon', check: 'validate', stat: 'status' },
}

/** The command that is meant by `word` after `path`: a near name, the name of another program, or words run together. */
export function nearestCommand(
  root: CommandChildren,
  path: readonly string[],
  word: string,
): readonly string[] | undefined {
  const paths = [...commandPaths(root)]
  const siblings = new Set(
    paths
      .filter((each) => path.every((name, at) => each[at] === name))
      .flatMap((each) => each[path.length] ?? []),
  )
  const here = siblings.has(otherNames[word] ?? '') ? otherNames[word] : nearest(word, siblings)
  if (here !== undefined) return [...path, here]
  const written = [...path, word].join(' ')
  const joined = new Map(paths.map((each) => [each.join(' '), each]))
  // `pinadd`, `pin-add`, `pin_add`
  const apart = nearest(
    written.replace(/[-_ ]/g, ''),
    [...joined.keys()].map((each) => each.replace(' ', '')),
  )
  if (apart !== undefined) return paths.find((each) => each.join('') === apart)
  // `ls` alone means pins more often than peers.
  const last = otherNames[word] ?? word
  return (
    paths.find((each) => each[0] === 'pin' && each[1] === last) ?? paths.find((each) => each.at(-1) === last)
  )
}

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
  return word.length <= 1 ? 0 : Math.max(1, Math.floor(word.length / 3))
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
