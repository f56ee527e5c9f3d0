/**
 * The rule about `docs/configuration.md`: it names every setting once, and its defaults are those of the code.
 *
 * A row is "| `section.name.key` | `default` | … |"; settings without an effect are lines "- `section.name.key`".
 */
import * as api from '../../core/config/components/api.ts'
import { cluster } from '../../core/config/components/cluster.ts'
import { crdt } from '../../core/config/components/consensus.ts'
import * as own from '../../core/config/components/own.ts'
import * as work from '../../core/config/components/work.ts'
import { type Component, pathOf, type Setting, type SettingTree } from '../../core/config/setting.ts'

/** Dotted key → default, as the document writes it. */
export type Defaults = ReadonlyMap<string, string>

export function defaultsOfCode(): Defaults {
  const defaults = new Map<string, string>()
  const components: Pick<Component, 'section' | 'name' | 'tree'>[] = [
    cluster,
    crdt,
    ...Object.values({ ...api, ...own, ...work }),
  ]
  for (const component of components) collect(component.tree, pathOf(component), defaults)
  return defaults
}

/** Settings that the document lacks, names twice, or gives another default. */
export function wrongSettings(document: string, defaults: Defaults): string[] {
  const complaints: string[] = []
  const named = new Set<string>()
  const name = (key: string) => {
    if (named.has(key)) complaints.push(`docs/configuration.md names ${key} twice`)
    if (!defaults.has(key)) complaints.push(`docs/configuration.md names ${key}, which no component has`)
    named.add(key)
  }
  for (const [, key, said] of document.matchAll(/^\| `([a-z_.0-9]+)` \| ([^|]+) \| [^|]*\|$/gm)) {
    name(key!)
    const actual = defaults.get(key!)
    // A default in words, such as the host name, is not compared.
    const written = said === 'none' ? '' : said!.match(/^`(.*)`$/)?.[1]
    if (actual !== undefined && written !== undefined && written !== actual) {
      complaints.push(`docs/configuration.md says ${said} for ${key}, the default is ${actual}`)
    }
  }
  for (const [, key] of document.matchAll(/^- `([a-z_.0-9]+)`$/gm)) name(key!)
  for (const key of defaults.keys())
    if (!named.has(key)) complaints.push(`docs/configuration.md lacks ${key}`)
  return complaints
}

function collect(tree: SettingTree, path: string, defaults: Map<string, string>): void {
  for (const [key, each] of Object.entries(tree)) {
    if ('tree' in each) collect(each.tree, `${path}.${key}`, defaults)
    else defaults.set(`${path}.${key}`, textOf(each))
  }
}

function textOf({ kind, initial }: Setting<unknown>): string {
  const json = kind.toJson(initial)
  if (typeof json === 'string') return json
  return Array.isArray(json) ? json.join(',') : JSON.stringify(json)
}
