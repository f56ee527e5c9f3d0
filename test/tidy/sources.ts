/**
 * The project's own TypeScript files and what each imports: what the rules of this folder look at.
 */
import { join, posix } from 'node:path'

/** The top of the checkout. */
export const TOP = join(import.meta.dir, '../..')

export interface Import {
  /** As written: `./errors.ts`, `multiformats/cid`, `node:fs`. */
  readonly specifier: string
  /** The own file that it means, from the top; undefined for packages and built-in modules. */
  readonly file: string | undefined
  /** `type`: gone after compiling. `lazy`: an `import()` expression. `static`: loaded with the file. */
  readonly kind: 'static' | 'lazy' | 'type'
}

export interface Source {
  /** From the top, with `/`: `core/pin/pin.ts`. */
  readonly path: string
  readonly text: string
  /** The text without types and comments, as the transpiler prints it. */
  readonly code: string
  readonly imports: readonly Import[]
}

const transpiler = new Bun.Transpiler({ loader: 'ts' })
const FOLDERS = '{cli,commands,completions,core,test}/**/*.ts'

export async function readSources(): Promise<Source[]> {
  const paths = [...new Bun.Glob(FOLDERS).scanSync(TOP)].sort()
  return Promise.all(paths.map(async (path) => toSource(path, await Bun.file(join(TOP, path)).text())))
}

export function toSource(path: string, text: string): Source {
  return { path, text, code: withoutTypes(path, text), imports: readImports(path, text) }
}

function withoutTypes(path: string, text: string): string {
  try {
    return transpiler.transformSync(text)
  } catch (cause) {
    throw new Error(`${path} is no TypeScript: ${cause}`, { cause })
  }
}

const STATEMENT = /^(import|export)\s+(type\s+)?(?:([^'"`;()]*?)\s*from\s*)?['"]([^'"]+)['"]/gm
const EXPRESSION = /(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]/g

function readImports(path: string, text: string): Import[] {
  const imports: Import[] = []
  const add = (specifier: string, kind: Import['kind']) => {
    const own = specifier.startsWith('.')
    const file = own ? posix.join(posix.dirname(path), specifier) : undefined
    imports.push({ specifier, file, kind })
  }
  for (const [, , type, names, specifier] of text.matchAll(STATEMENT)) {
    add(specifier!, type !== undefined || onlyTypes(names) ? 'type' : 'static')
  }
  for (const [, type, specifier] of text.matchAll(EXPRESSION)) add(specifier!, type ? 'type' : 'lazy')
  return imports
}

/** Whether the names between braces are all marked `type`. */
function onlyTypes(names: string | undefined): boolean {
  const inner = names?.match(/^\{([^}]*)\}$/)?.[1]
  if (inner === undefined) return false
  return inner.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
}
