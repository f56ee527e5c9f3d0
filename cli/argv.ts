/**
 * Parses the arguments of one command (`spec/cli.md §0`): flags before and after arguments, one dash or two, `--flag
 * value` and `--flag=value`, repeated flags, `--` before arguments that begin with a dash.
 */
import {
  camelCase,
  type Declarations,
  type FlagDeclaration,
  isArgument,
  type ParsedValues,
} from '../commands/declaration.ts'
import { UsageError } from '../commands/errors.ts'
import { parseDuration } from '../core/pin/duration.ts'
import { type CommandGroup, globalFlags, shortGlobals } from './globals.ts'
import { nearest } from './suggestion.ts'

export type GlobalValues = ParsedValues<typeof globalFlags>

export interface Parsed {
  args: Record<string, unknown>
  globals: GlobalValues
}

export interface ArgvInit {
  /** As it is called, such as `cluster pin add`, for messages. */
  commandName: string
  declared: Declarations
  group: CommandGroup
  /** Flags that stood before the command: global ones. */
  before: readonly string[]
  after: readonly string[]
}

/** Throws `UsageError`; but when help is asked for, mistakes beside it do not matter. */
export function parseArgv(init: ArgvInit): Parsed {
  const collector = new Collector(init)
  collector.readAll(init.before, true)
  collector.readAll(init.after, false)
  const globals = collector.values(globalFlags, false) as unknown as GlobalValues
  if (globals.help) return { args: {}, globals }
  const args = collector.values(init.declared, true)
  return { args, globals }
}

interface Found {
  name: string
  declared: FlagDeclaration
  isGlobal: boolean
}

class Collector {
  readonly #init: ArgvInit
  readonly #problems: string[] = []
  readonly #written = new Map<string, string[]>()
  readonly #words: string[] = []

  constructor(init: ArgvInit) {
    this.#init = init
  }

  /** `onlyGlobals`: a name means the global flag first; after a command the command's own come first. */
  readAll(argv: readonly string[], onlyGlobals: boolean): void {
    for (let i = 0; i < argv.length; i++) {
      const word = argv[i]!
      if (word === '--') {
        this.#words.push(...argv.slice(i + 1))
        return
      }
      if (!word.startsWith('-') || word === '-') {
        this.#words.push(word)
        continue
      }
      const [, name, value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) as unknown as [
        string,
        string,
        string | undefined,
      ]
      const found = this.#find(name, onlyGlobals)
      if (found === undefined) this.#problems.push(this.#unknown(word.split('=')[0]!, name))
      else if (found.declared.type === 'boolean') this.#add(found, value ?? 'true')
      else if (value !== undefined) this.#add(found, value)
      else if (i + 1 < argv.length) this.#add(found, argv[++i]!)
      else this.#problems.push(`flag ${word} needs a value`)
    }
  }

  /** The values of the declared flags and arguments. With `strict`, throws what was wrong. */
  values(declared: Declarations, strict: boolean): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    const words = [...this.#words]
    if (strict && words.includes('')) {
      this.#problems.push(
        `"${this.#init.commandName}" was given an empty argument; in a script, an unset variable is one`,
      )
    }
    for (const [name, each] of Object.entries(declared)) {
      if (!isArgument(each)) values[camelCase(name)] = this.#flagValue(name, each, declared === globalFlags)
      else if (each.many) values[camelCase(name)] = words.splice(0)
      else values[camelCase(name)] = words.shift()
      if (isArgument(each) && each.required && values[camelCase(name)] === undefined) {
        this.#problems.push(`"${this.#init.commandName}" needs ${each.hint ?? name}: ${each.description}`)
      }
    }
    if (!strict) return values
    if (words.length > 0) {
      this.#problems.push(`"${this.#init.commandName}" does not take ${JSON.stringify(words[0])}`)
    }
    if (this.#problems.length > 0) {
      throw new UsageError(`${this.#problems[0]}; see ${this.#init.commandName} --help`)
    }
    return values
  }

  #find(name: string, onlyGlobals: boolean): Found | undefined {
    const own = onlyGlobals ? undefined : ownFlag(this.#init.declared, name)
    if (own !== undefined) return own
    const short = shortGlobals[this.#init.group][name]
    const long = Object.hasOwn(globalFlags, name) ? name : name === 'enc' ? 'encoding' : short
    if (long === undefined) return undefined
    return { name: long, declared: globalFlags[long as keyof typeof globalFlags], isGlobal: true }
  }

  #add({ name, isGlobal }: Found, value: string): void {
    const key = keyOf(name, isGlobal)
    this.#written.set(key, [...(this.#written.get(key) ?? []), value])
  }

  #flagValue(name: string, declared: FlagDeclaration, isGlobal: boolean): unknown {
    const written = this.#written.get(keyOf(name, isGlobal)) ?? []
    if (declared.repeatable) return written
    const last = written.at(-1)
    if (last === undefined) return declared.type === 'boolean' ? false : declared.default
    const value = valueFrom(declared, last)
    if (value === undefined) {
      this.#problems.push(`flag --${name} is ${JSON.stringify(last)}; it must be ${whatIsAllowed(declared)}`)
    }
    return value
  }

  #unknown(written: string, name: string): string {
    const known = [
      ...Object.entries(this.#init.declared).flatMap(([own, declared]) =>
        isArgument(declared) ? [] : [own, ...(declared.alias ?? [])],
      ),
      ...Object.keys(globalFlags),
    ]
    const near = nearest(name, known)
    const suggestion = near === undefined ? '' : `; did you mean --${near}?`
    return `unknown flag ${written} of "${this.#init.commandName}"${suggestion}`
  }
}

function ownFlag(declared: Declarations, name: string): Found | undefined {
  for (const [own, each] of Object.entries(declared)) {
    if (!isArgument(each) && (own === name || each.alias?.includes(name))) {
      return { name: own, declared: each, isGlobal: false }
    }
  }
  return undefined
}

/** A command may have a flag of the same name as a global one; they are kept apart. */
function keyOf(name: string, isGlobal: boolean): string {
  return isGlobal ? `global ${name}` : name
}

function valueFrom(declared: FlagDeclaration, written: string): string | number | boolean | undefined {
  if (declared.type === 'boolean') return booleanWords[written]
  if (declared.type === 'integer') return integerOf(written)
  if (declared.type === 'duration') return millisecondsOf(written)
  return declared.options === undefined || declared.options.includes(written) ? written : undefined
}

function whatIsAllowed(declared: FlagDeclaration): string {
  if (declared.type === 'boolean') return 'true or false'
  if (declared.type === 'integer') return 'a whole number'
  if (declared.type === 'duration') return 'a duration such as 30s or 1h30m'
  return `one of ${declared.options?.join(', ')}`
}

const booleanWords: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false]),
])

function integerOf(written: string): number | undefined {
  const value = /^[+-]?\d+$/.test(written) ? Number(written) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}

function millisecondsOf(written: string): number | undefined {
  try {
    return Number(parseDuration(written)) / 1e6
  } catch {
    return undefined
  }
}
