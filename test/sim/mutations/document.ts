/** Writes the tables of mutations and of bugs found into `docs/testing.md`: `bun test/sim/mutations/document.ts`. */
import { join } from 'node:path'
import { bugsFound } from './bugs-found.ts'
import { mutations } from './mutations.ts'
import seeds from './seeds.json' with { type: 'json' }

export const testingDocument = join(import.meta.dir, '../../../docs/testing.md')

const sections: Record<string, () => string> = {
  mutations: () =>
    table(
      ['defect', 'found by', 'seed'],
      Object.entries(mutations).map(([name, { foundBy }]) => [
        name,
        `\`${foundBy}\``,
        String((seeds as Record<string, number>)[name] ?? ''),
      ]),
    ),
  bugs: () =>
    table(
      ['bug', 'found by', 'kept away by'],
      bugsFound.map(({ what, foundBy, test }) => [what, `\`${foundBy}\``, `\`${test.replace(' ', '` ')}`]),
    ),
}

/** The document with its generated parts made anew. Throws when it lacks the marks of one. */
export function withTables(document: string): string {
  let text = document
  for (const [name, write] of Object.entries(sections)) {
    const [begin, end] = [`<!-- ${name}: generated -->\n`, `<!-- ${name}: end -->\n`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the document has no place for ${name}`)
    text = `${text.slice(0, from + begin.length)}${write()}${text.slice(to)}`
  }
  return text
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |\n`
  return `\n${line(head)}${line(head.map(() => '---')).replaceAll(' ', '')}${rows.map(line).join('')}\n`
}

if (import.meta.main) {
  await Bun.write(testingDocument, withTables(await Bun.file(testingDocument).text()))
}
